# SPDX-FileCopyrightText: The Consilium authors
# SPDX-License-Identifier: Apache-2.0
"""Who may include whom (docs/architecture.md). The link graph misses header-only edges, so includes are read."""
import re
from sources import files, report, text

# folder -> our folders it may use besides itself
MAY_USE = {
    "core": set(),
    "cuda": {"core"},
    "imaging": {"core", "cuda"},
    "learning": {"core", "cuda"},
    "proto": {"core"},
    "site-node": {"core", "cuda", "imaging", "learning", "proto"},
    "hub": {"core", "cuda", "proto"},
    "gui": {"core", "imaging", "proto"},
    "tools": {"core", "cuda", "imaging", "learning", "proto"},
}
# What a study may use besides: the product's own round, gate, screen and sum, in one process.
STUDY_MAY_USE = ("hub/aggregate/", "hub/screen/", "hub/store/spooled_update.h", "site-node/privacy/privacy_guard.h",
                 "site-node/round/local_round.h", "site-node/round/personal.h")
# third party: include pattern -> places (path prefixes, optionally only .cc) that may see it
THIRD_PARTY = [
    ("Torch", r"^(torch|ATen|c10)/", [("learning/", "any")]),
    ("DCMTK", r"^dcmtk/", [("imaging/", ".cc"), ("tests/", "any")]),
    ("GDCM", r"^gdcm", [("imaging/dicom/", ".cc")]),
    ("zlib", r"^zlib", [("imaging/", ".cc"), ("tests/", "any")]),
    ("GDCM", r"^gdcm", [("imaging/dicom/", ".cc")]),
    ("ITK", r"^itk", [("imaging/prepare/", ".cc"), ("imaging/findings/", ".cc"), ("tools/consilium/", ".cc"),
                      ("tests/", "any")]),
    ("gRPC", r"^(grpc|grpcpp)/|\.grpc\.pb\.h$",
     [("proto/", "any"), ("site-node/link/", "any"), ("site-node/panel/", "any"), ("hub/service/", "any"),
      ("hub/console/", "any"), ("gui/link/", "any"), ("tools/demo/", "any"), ("tests/", "any")]),
    ("Qt", r"^Q[A-Z]\w*$|^Qt\w+/", [("gui/", "any"), ("tests/gui/", "any")]),
    ("CUDA", r"^(cuda\w*\.h|nccl\w*\.h|cub/|cudnn\w*\.h|thrust/)", [("cuda/", "any"), ("learning/gpu/", "any")]),
    ("OpenSSL", r"^openssl/", [("core/", ".cc"), ("proto/", ".cc"), ("site-node/link/", ".cc"), ("tests/", "any")]),
    ("libsodium", r"^sodium", [("core/", ".cc"), ("tests/", "any")]),
    ("SQLite", r"^sqlite3", [("core/", ".cc"), ("tests/", "any")]),
    ("toml++", r"^toml\+\+|^toml\.hpp", [("core/", ".cc")]),
    ("nlohmann-json", r"^nlohmann/", [("core/", ".cc"), ("core/model/json_fields.h", "any"), ("tools/", ".cc"), ("tests/", "any"), ("hub/console/", ".cc"),
                                      ("hub/main.cc", ".cc"), ("site-node/", ".cc"), ("imaging/", ".cc"), ("gui/", ".cc")]),
    ("spdlog", r"^spdlog/", [("core/base/", ".cc")]),
    ("CLI11", r"^CLI/", [("hub/main.cc", "any"), ("site-node/main.cc", "any"), ("gui/main.cc", "any"),
                         ("tools/", "any"), ("tests/", "any")]),
    ("Boost.Context", r"^boost/", [("tests/support/", "any")]),
]
GUI_MODEL_QT = {"QObject", "QString", "QStringList", "QTimer", "QVariant", "QVector", "QList", "QHash", "QMap",
                "QAbstractListModel", "QAbstractTableModel", "QAbstractItemModel", "QDateTime", "QByteArray", "QMetaObject",
                "QPointer", "QSharedPointer", "QFile", "QDir", "QLocale", "QCoreApplication", "QElapsedTimer", "QSettings",
                "QSize", "QPoint", "QPointF", "QRect", "QMutex", "QThread"}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)


def allowed(path, places):
    name = path.as_posix()
    return any(name.startswith(prefix) and (kind == "any" or name.endswith(kind)) for prefix, kind in places)


problems, checked = [], 0
for path in files("*.h", "*.cc", "*.cu", "*.cuh"):
    top = path.parts[0]
    checked += 1
    for include in INCLUDE.findall(text(path)):
        target = include.split("/")[0]
        if path.as_posix().startswith("tools/study/") and include.startswith(STUDY_MAY_USE):
            continue
        if top in MAY_USE and target in MAY_USE and "/" in include and target != top and target not in MAY_USE[top]:
            problems.append(f"{path}: includes {include}, but {top}/ must not use {target}/")
        if top in MAY_USE and target == "tests":
            problems.append(f"{path}: includes {include}; only tests use tests/")
        for name, pattern, places in THIRD_PARTY:
            if re.match(pattern, include) or re.search(r"\.grpc\.pb\.h$", include) and name == "gRPC":
                if not allowed(path, places):
                    problems.append(f"{path}: includes {include}; {name} may not be seen here (docs/architecture.md)")
        if path.as_posix().startswith("gui/model/") and re.match(r"^Q[A-Z]\w*$", include) and include not in GUI_MODEL_QT:
            problems.append(f"{path}: includes {include}; gui/model sees QtCore only")
        if top == "site-node" or top == "hub":
            inside = include.split("/")
            feature = path.parts[1] if len(path.parts) > 2 else None
            root_only = {"hub.h", "node.h"}
            if inside[0] == top and len(inside) > 1 and inside[1] in root_only and feature:
                problems.append(f"{path}: includes {include}; features do not include the composition root")
report("check_layers", problems, checked)
