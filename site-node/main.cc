// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// consilium-site: the service of one hospital, and its administrator's commands.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>

#include "core/base/error.h"
#include "core/base/program.h"
#include "proto/tls.h"
#include "site-node/commands.h"

namespace {

using consilium::Secret;
using consilium::SiteDirectory;

std::optional<Secret> SecretFrom(const std::string& file) {
  if (file.empty()) return std::nullopt;
  return consilium::ReadSecretFile(file);
}

template <class T>
std::optional<T> Optional(const CLI::Option* option, const T& value) {
  if (option->count() == 0) return std::nullopt;
  return value;
}

// Everything the command line can say. Filled in by CLI11, read by the chosen command.
struct Arguments {
  std::string dir = "/var/lib/consilium-site";
  std::string passphrase_file;
  bool json = false;
  bool makes_folder = false;  // the others refuse a folder that is no site's
  std::function<int(const SiteDirectory&)> command;

  std::string hub, enrol, token_file, fingerprint;
  std::string folder;
  consilium::ImportOptions importing;
  bool quarantined = false, statistics = false, fingerprint_of_cases = false, shared = false;
  std::string pictures;
  std::string panel_listen, ports_file, device;
  std::int64_t threads = 0, validation = 2;
  std::string plan, model, out, model_out;
  std::int64_t steps = 0, round = 1, patch = 0;
  std::string case_id, role = "held-out", roles_file;
  consilium::LabelGiven label;
  std::int64_t version = 0;
  bool queue = false;
  bool maps = false;
  std::string reader, reader_file, panel, which = "latest";
};

CLI::App* Command(CLI::App& app, Arguments& arguments, const std::string& name, const std::string& what) {
  CLI::App* command = app.add_subcommand(name, what);
  command->add_option("--dir", arguments.dir, "the site's folder")->capture_default_str();
  return command;
}

void AddPassphrase(CLI::App* command, Arguments& arguments) {
  command->add_option("--passphrase-file", arguments.passphrase_file,
                      "file with the passphrase of the keys; without one their files have mode 0600");
}

std::vector<std::string> RoleChoices() {
  std::vector<std::string> choices(consilium::kCaseChoices.begin(), consilium::kCaseChoices.end());
  for (const consilium::CaseRole role : consilium::kAllCaseRoles) choices.emplace_back(consilium::Name(role));
  return choices;
}

void AddJoin(CLI::App& app, Arguments& a) {
  CLI::App* join = Command(app, a, "join", "join a federation: makes the key here and asks the hub for a certificate");
  join->add_option("--hub", a.hub, "host:port of the hub's port for sites")->required();
  join->add_option("--enrol", a.enrol, "host:port of the hub's enrolment port")->required();
  join->add_option("--token-file", a.token_file, "file with the invitation's token; asked for on a terminal");
  const CLI::Option* fingerprint =
      join->add_option("--fingerprint", a.fingerprint, "of the hub, as its administrator reads it out");
  AddPassphrase(join, a);
  join->callback([&a, fingerprint] {
    a.makes_folder = true;
    a.command = [&a, fingerprint](const SiteDirectory& place) {
      consilium::JoinOptions options;
      options.hub = a.hub;
      options.enrol = a.enrol;
      options.token = SecretFrom(a.token_file);
      options.fingerprint = Optional(fingerprint, a.fingerprint);
      options.passphrase = SecretFrom(a.passphrase_file);
      consilium::Join(place, options, {std::cin, std::cout, ::isatty(STDIN_FILENO) != 0});
      return 0;
    };
  });
}

void AddLibrary(CLI::App& app, Arguments& a) {
  CLI::App* take_in = Command(app, a, "import", "take in every patient below a folder of DICOM files");
  take_in->add_option("folder", a.folder, "folder, any layout")->required();
  take_in->add_flag("--json", a.json, "print JSON");
  const CLI::Option* validation =
      take_in->add_option("--validation", a.validation,
                          "so many new patients are for validation, all others for training "
                          "(default: as site.toml says)");
  const CLI::Option* roles =
      take_in->add_option("--roles", a.roles_file, "the site's own list of roles: one `patient,role` a line");
  take_in->add_flag("--allow-unmatched", a.importing.allow_unmatched,
                    "go on though the list of roles names patients that no import has found");
  take_in->add_flag("--gone", a.importing.gone, "go on though nothing is left of what was imported from this folder");
  take_in->callback([&a, validation, roles] {
    a.makes_folder = true;
    a.command = [&a, validation, roles](const SiteDirectory& place) {
      consilium::SiteSettings settings = consilium::ReadSettings(place);
      const consilium::SiteSettings before = settings;
      if (const auto patients = Optional(validation, a.validation)) {
        consilium::Require(*patients >= 0, "--validation must not be negative",
                           "Say how many patients are for validation, or 0 for none.");
        settings.validation_patients = *patients;
        settings.validation_fraction = settings.test_fraction = settings.review_fraction = 0;
      }
      if (roles->count() > 0) settings.roles_file = std::filesystem::absolute(a.roles_file).string();
      a.importing.json = a.json;
      consilium::RunImport(place, settings, a.folder, a.importing);
      if (!(settings == before)) consilium::WriteSettings(place, settings);  // not what an import refused
      return 0;
    };
  });
  CLI::App* cases = Command(app, a, "cases", "list the cases, or what could not be used");
  CLI::Option* quarantined = cases->add_flag("--quarantined", a.quarantined, "what could not be used, and why");
  cases->add_flag("--json", a.json, "print JSON");
  CLI::Option* statistics = cases->add_flag("--statistics", a.statistics, "what kinds of images and lesions there are");
  statistics->excludes(quarantined);
  cases->add_flag("--shared", a.shared, "of the statistics only what may leave this hospital")->needs(statistics);
  cases
      ->add_flag("--fingerprint", a.fingerprint_of_cases,
                 "what a run is planned from, as it may leave this hospital (--json: for `consilium plan`)")
      ->excludes(statistics)
      ->excludes(quarantined);
  CLI::Option* pictures =
      cases->add_option("--pictures", a.pictures, "the statistics as SVG files in this folder")->needs(statistics);
  cases->callback([&a, pictures] {
    a.command = [&a, pictures](const SiteDirectory& place) {
      if (a.statistics) {
        consilium::StatisticsOptions options{a.json, a.shared, {}};
        if (pictures->count() > 0) options.pictures = a.pictures;
        consilium::RunStatistics(place, options);
        return 0;
      }
      if (a.fingerprint_of_cases) {
        consilium::RunFingerprint(place, a.json);
        return 0;
      }
      consilium::RunCases(place, a.quarantined, a.json);
      return 0;
    };
  });
}

void AddServe(CLI::App& app, Arguments& a) {
  CLI::App* serve = Command(app, a, "serve", "run the service: takes part in rounds, predicts, answers desktops");
  const CLI::Option* listen =
      serve->add_option("--panel-listen", a.panel_listen, "host:port for desktops (default: site.toml)");
  const CLI::Option* ports = serve->add_option("--ports-file", a.ports_file, "write the ports it got as JSON");
  const CLI::Option* threads = serve->add_option("--threads", a.threads, "processor threads; 0: all");
  const CLI::Option* device = serve->add_option("--device", a.device, "auto, cpu or cuda:N");
  AddPassphrase(serve, a);
  serve->callback([&a, listen, ports, threads, device] {
    a.command = [&a, listen, ports, threads, device](const SiteDirectory& place) {
      consilium::ServeOptions options;
      options.panel_listen = Optional(listen, a.panel_listen);
      if (ports->count() > 0) options.ports_file = a.ports_file;
      options.threads = Optional(threads, a.threads);
      options.device = Optional(device, a.device);
      options.passphrase = SecretFrom(a.passphrase_file);
      consilium::RunServe(place, options);
      return 0;
    };
  });
}

void AddWorkAlong(CLI::App& app, Arguments& a) {
  CLI::App* along = Command(app, a, "work-along",
                            "one more process (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT) that trains with `serve`");
  const CLI::Option* threads = along->add_option("--threads", a.threads, "processor threads; 0: its share");
  const CLI::Option* device = along->add_option("--device", a.device, "auto, cpu or cuda:N");
  along->callback([&a, threads, device] {
    a.command = [&a, threads, device](const SiteDirectory& place) {
      consilium::RunWorkAlong(place, {Optional(threads, a.threads), Optional(device, a.device)});
      return 0;
    };
  });
}

void AddTrain(CLI::App& app, Arguments& a) {
  CLI::App* train = Command(app, a, "train", "one local update, offline; nothing is sent");
  train->add_option("--plan", a.plan, "run plan (TOML)")->required();
  const CLI::Option* model =
      train->add_option("--model", a.model, "global model to start from (default: the plan's first)");
  train->add_option("--out", a.out, "the update's file")->required();
  const CLI::Option* model_out = train->add_option("--model-out", a.model_out, "also write the trained model");
  const CLI::Option* steps = train->add_option("--steps", a.steps, "steps instead of the plan's");
  train->add_option("--round", a.round, "which round of the plan it is")->capture_default_str();
  train->callback([&a, model, model_out, steps] {
    a.command = [&a, model, model_out, steps](const SiteDirectory& place) {
      consilium::TrainOptions options;
      options.plan = a.plan;
      if (model->count() > 0) options.model = a.model;
      options.update = a.out;
      if (model_out->count() > 0) options.model_out = a.model_out;
      options.steps = Optional(steps, a.steps);
      options.round = a.round;
      consilium::RunTrain(place, options);
      return 0;
    };
  });
}

void AddPredict(CLI::App& app, Arguments& a) {
  CLI::App* predict = Command(app, a, "predict", "predict cases and write DICOM SEG files and a table");
  predict->add_option("--out", a.out, "folder for the files")->required();
  const CLI::Option* model = predict->add_option("--model", a.model, "model file (default: the federation's newest)");
  const CLI::Option* one = predict->add_option("--case", a.case_id, "one case");
  predict->add_option("--role", a.role, "which cases")->check(CLI::IsMember(RoleChoices()))->capture_default_str();
  const CLI::Option* patch =
      predict->add_option("--patch", a.patch, "edge of a tile in voxels (default: the model's own)");
  predict->add_flag("--maps", a.maps, "also write probability and entropy of each voxel (NIfTI, on the PET's grid)");
  predict->add_flag("--send", a.queue, "also queue the SEG files for the PACS (outbox)");
  predict->add_flag("--json", a.json, "print JSON");
  predict->callback([&a, model, one, patch] {
    a.command = [&a, model, one, patch](const SiteDirectory& place) {
      consilium::PredictCommandOptions options;
      options.out = a.out;
      if (model->count() > 0) options.model = a.model;
      options.case_id = Optional(one, a.case_id);
      options.role = a.role;
      options.patch = Optional(patch, a.patch);
      options.queue_for_pacs = a.queue;
      options.maps = a.maps;
      options.json = a.json;
      consilium::RunPredict(place, options);
      return 0;
    };
  });
}

void AddLabel(CLI::App& app, Arguments& a) {
  CLI::App* label = app.add_subcommand("label", "the versions of a case's label, and which one is trained with");
  label->require_subcommand(1);
  const auto command = [&](const std::string& name, const std::string& what) {
    CLI::App* one = Command(*label, a, name, what);
    one->add_option("case", a.case_id, "the case: consilium-site cases")->required();
    return one;
  };
  CLI::App* list = command("list", "the versions there are");
  list->add_flag("--json", a.json, "print JSON");
  list->callback([&a] {
    a.command = [&a](const SiteDirectory& place) {
      consilium::RunLabelList(place, a.case_id, a.json);
      return 0;
    };
  });
  CLI::App* add = command("add", "give a new version: an RTSTRUCT, a DICOM SEG or a NIfTI on the PET's grid");
  add->add_option("file", a.label.file, "the label's file; the library keeps a copy")->required();
  add->add_option("--by", a.label.author, "who drew it or looked at it")->required();
  add->add_option("--model", a.label.model, "digest of the model whose prediction was corrected");
  add->add_flag("--automatic", a.label.automatic, "take a SEG that a program drew alone: somebody has looked at it");
  add->add_flag("!--no-training", a.label.training, "keep it, but neither train nor measure with it");
  add->callback([&a] {
    a.command = [&a](const SiteDirectory& place) {
      consilium::RunLabelAdd(place, a.case_id, a.label);
      return 0;
    };
  });
  CLI::App* use = command("use", "train with this version rather than the newest");
  use->add_option("version", a.version, "its number")->required();
  use->callback([&a] {
    a.command = [&a](const SiteDirectory& place) {
      consilium::RunLabelUse(place, a.case_id, a.version);
      return 0;
    };
  });
  CLI::App* withdraw = command("withdraw", "take back the consent to train with a version");
  withdraw->add_option("version", a.version, "its number")->required();
  withdraw->callback([&a] {
    a.command = [&a](const SiteDirectory& place) {
      consilium::RunLabelWithdraw(place, a.case_id, a.version);
      return 0;
    };
  });
}

void AddReader(CLI::App& app, Arguments& a) {
  CLI::App* reader = app.add_subcommand("reader", "who may look at this hospital's panel");
  reader->require_subcommand(1);
  CLI::App* add = Command(*reader, a, "add", "make a reader's file for one desktop");
  add->add_option("name", a.reader, "lower case letters, digits and '-'")->required();
  add->add_option("--out", a.reader_file, "the reader's file")->required();
  const CLI::Option* panel = add->add_option("--panel", a.panel, "host:port the desktop dials (default: the panel's)");
  AddPassphrase(add, a);
  add->callback([&a, panel] {
    a.makes_folder = true;
    a.command = [&a, panel](const SiteDirectory& place) {
      consilium::RunReaderAdd(place, a.reader, a.reader_file, Optional(panel, a.panel), SecretFrom(a.passphrase_file));
      return 0;
    };
  });
  CLI::App* list = Command(*reader, a, "list", "the readers there are");
  list->add_flag("--json", a.json, "print JSON");
  AddPassphrase(list, a);
  list->callback([&a] {
    a.command = [&a](const SiteDirectory& place) {
      consilium::RunReaderList(place, SecretFrom(a.passphrase_file), a.json);
      return 0;
    };
  });
  CLI::App* remove = Command(*reader, a, "remove", "refuse a reader from now on");
  remove->add_option("name", a.reader, "the reader")->required();
  AddPassphrase(remove, a);
  remove->callback([&a] {
    a.command = [&a](const SiteDirectory& place) {
      consilium::RunReaderRemove(place, a.reader, SecretFrom(a.passphrase_file));
      return 0;
    };
  });
}

void AddEgress(CLI::App& app, Arguments& a) {
  CLI::App* egress = app.add_subcommand("egress", "what left this hospital");
  egress->require_subcommand(1);
  CLI::App* show = Command(*egress, a, "show", "one update in words");
  show->add_option("which", a.which, "latest, a number of the list, or the beginning of a digest")
      ->capture_default_str();
  show->add_flag("--json", a.json, "print JSON");
  show->callback([&a] {
    a.command = [&a](const SiteDirectory& place) {
      consilium::RunEgressShow(place, a.which, a.json);
      return 0;
    };
  });
  CLI::App* list = Command(*egress, a, "list", "everything, newest first");
  list->add_flag("--json", a.json, "print JSON");
  list->callback([&a] {
    a.command = [&a](const SiteDirectory& place) {
      consilium::RunEgressList(place, a.json);
      return 0;
    };
  });
}

}  // namespace

int main(int argc, char** argv) {
  ::umask(0077);  // what a site knows is nobody else's business
  consilium::RequireTls13();
  consilium::SilenceGrpc();
  CLI::App app{"The service of one hospital in a federation. No image, name or UID leaves it.", "consilium-site"};
  app.set_version_flag("--version", consilium::ProgramVersion());
  app.require_subcommand(1);
  Arguments arguments;
  AddJoin(app, arguments);
  AddLibrary(app, arguments);
  AddLabel(app, arguments);
  AddServe(app, arguments);
  AddWorkAlong(app, arguments);
  AddTrain(app, arguments);
  AddPredict(app, arguments);
  AddReader(app, arguments);
  AddEgress(app, arguments);
  CLI11_PARSE(app, argc, argv);
  return consilium::RunProgram(argc, argv, [&] {
    return arguments.command(arguments.makes_folder ? SiteDirectory(arguments.dir)
                                                    : SiteDirectory::Existing(arguments.dir));
  });
}
