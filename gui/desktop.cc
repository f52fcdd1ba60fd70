// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/desktop.h"

#include <QApplication>
#include <QStandardPaths>
#include <QTimer>
#include <cstdio>

#include "gui/render/slice_plane.h"

namespace consilium {
namespace {

QString Words(const Trouble& trouble) {
  const QString what = QString::fromStdString(trouble.what);
  return trouble.next_step.empty() ? what : what + "\n" + QString::fromStdString(trouble.next_step);
}

void EndWithoutPicture(const QString& why) {
  std::fprintf(stderr, "error: no picture: %s\n", why.toUtf8().constData());
  QCoreApplication::exit(1);
}

}  // namespace

Desktop::Desktop(std::unique_ptr<CaseSource> source) : window_(rounds_, worklist_, case_), source_(std::move(source)) {
  Connect();
}

Desktop::~Desktop() = default;

void Desktop::Connect() {
  connect(&worklist_.open, &PropertyBase::Changed, this, &Desktop::OpenChosen);
  connect(&worklist_, &WorklistModel::PredictionChanged, this, &Desktop::OpenChosen);
  connect(&window_, &MainWindow::PictureAsked, this,
          [this] { SavePicture(QStandardPaths::writableLocation(QStandardPaths::PicturesLocation).toStdString()); });
  if (!source_) return;
  connect(source_.get(), &CaseSource::FederationChanged, this, &Desktop::Show);
  connect(source_.get(), &CaseSource::CasesChanged, this, [this](const std::vector<CaseItem>& cases) {
    listed_ = true;
    worklist_.Show(cases);
  });
  connect(source_.get(), &CaseSource::CaseOpened, this, [this](const std::shared_ptr<const CaseContent>& content) {
    if (content->item.id != worklist_.open()) return;  // another one was chosen since
    window_.ShowTrouble(link_.what.empty() ? QString() : Words(link_));
    case_.Show(content);
  });
  connect(source_.get(), &CaseSource::SlabArrived, this, [this](const std::shared_ptr<const Slab>& slab) {
    heard_ = std::chrono::steady_clock::now();
    case_.Add(*slab);
  });
  connect(source_.get(), &CaseSource::LeftOut, this, [this](const QString& text) { worklist_.left_out.Set(text); });
  connect(source_.get(), &CaseSource::LinkChanged, this, [this](const Trouble& trouble) { ShowLink(trouble); });
  connect(source_.get(), &CaseSource::Failed, this, [this](const Trouble& trouble) {
    trouble_ = Words(trouble);
    window_.ShowTrouble(trouble_);
  });
}

// A line that is down stands above the pages until it is back; what the pages show is what was known before.
void Desktop::ShowLink(const Trouble& trouble) {
  const bool down = !trouble.what.empty();
  if (down)
    window_.ShowTrouble(Words(trouble));
  else if (!link_.what.empty())
    window_.ShowTrouble({});
  if (!down) heard_ = std::chrono::steady_clock::now();
  link_ = trouble;
  rounds_.ShowLinkState(!down ? QString() : trouble.lasting ? tr("Not connected") : tr("Not connected; trying again"));
}

void Desktop::Start() {
  if (source_) source_->Start();
}

void Desktop::Show(const FederationView& view) {
  told_ = true;
  heard_ = std::chrono::steady_clock::now();
  rounds_.Show(view);
  worklist_.ShowStudies(view.studies);
}

void Desktop::OpenChosen() {
  if (source_ && !worklist_.open().empty()) source_->OpenCase(worklist_.open());
}

bool Desktop::Ready(Page page) const {
  return page == Page::kRounds ? told_ : case_.complete() && case_.content()->item.id == worklist_.open();
}

QString Desktop::Obstacle(const PictureOrder& order) const {
  if (!trouble_.isEmpty()) return trouble_;
  const bool given_up = link_.lasting || std::chrono::steady_clock::now() - heard_ > order.link_limit;
  if (!link_.what.empty() && given_up) return Words(link_);
  const std::vector<CaseItem>& cases = worklist_.cases();
  if (listed_ && cases.empty() && window_.page() == Page::kCase) return tr("there is no case yet");
  if (order.case_id.empty() || cases.empty() || worklist_.open() == order.case_id) return {};
  QStringList ids;
  for (const CaseItem& item : cases) ids.push_back(QString::fromStdString(item.id));
  return tr("there is no case %1\nThe cases are: %2").arg(QString::fromStdString(order.case_id), ids.join(", "));
}

void Desktop::Order(Page page, const PictureOrder& order) {
  window_.ShowPage(page);
  window_.resize(order.size);
  auto* timer = new QTimer(this);
  heard_ = std::chrono::steady_clock::now();
  const auto until = heard_ + order.limit;
  connect(timer, &QTimer::timeout, this, [this, timer, page, order, until] {
    if (!order.case_id.empty() && worklist_.open() != order.case_id) worklist_.Open(order.case_id);
    const bool chosen = order.case_id.empty() || worklist_.open() == order.case_id;
    if (Ready(page) && chosen) {
      timer->stop();
      return Take(order);
    }
    QString why = Obstacle(order);
    if (why.isEmpty() && std::chrono::steady_clock::now() > until) why = tr("the data did not arrive in time");
    if (why.isEmpty()) return;
    timer->stop();
    EndWithoutPicture(why);
  });
  timer->start(20);
}

void Desktop::Take(const PictureOrder& order) {
  if (order.lesion && *order.lesion > std::ssize(case_.lesions()))
    return EndWithoutPicture(
        tr("there is no lesion %1: the case has %2").arg(*order.lesion).arg(std::ssize(case_.lesions())));
  const Volume* shown = case_.display();
  const std::int64_t slices = shown == nullptr ? 0 : SliceCount(shown->geometry, SliceView::kAxial);
  if (order.slice && *order.slice > slices)
    return EndWithoutPicture(tr("there is no slice %1: the case has %2").arg(*order.slice).arg(slices));
  if (order.lesion) case_.SelectLesion(*order.lesion);
  if (order.slice) {
    case_.Scroll(SliceView::kAxial, -1'000'000);
    case_.Scroll(SliceView::kAxial, *order.slice - 1);
  }
  window_.show();
  QCoreApplication::processEvents();
  const bool written = window_.TakePicture().save(QString::fromStdString(order.file.string()), "PNG");
  if (!written) std::fprintf(stderr, "error: cannot write the picture %s\n", order.file.c_str());
  QCoreApplication::exit(written ? 0 : 1);
}

void Desktop::SavePicture(const std::filesystem::path& folder) {
  const QString name = QDateTime::currentDateTime().toString("'consilium-'yyyyMMdd-HHmmss'.png'");
  const QString path = QString::fromStdString((folder / name.toStdString()).string());
  const bool written = window_.TakePicture().save(path, "PNG");
  window_.ShowTrouble(written ? tr("Picture saved: %1").arg(path)
                              : tr("The picture could not be written: %1").arg(path));
}

}  // namespace consilium
