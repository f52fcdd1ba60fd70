// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// consilium-desktop: the clinician's app.
#include <CLI/CLI.hpp>
#include <QApplication>
#include <charconv>
#include <cstdlib>

#include "core/base/error.h"
#include "core/base/program.h"
#include "gui/desktop.h"
#include "gui/link/folder_source.h"
#include "gui/link/panel_codec.h"
#include "gui/link/site_link.h"
#include "gui/view/theme.h"
#include "proto/tls.h"

namespace consilium {
namespace {

struct Options {
  std::string connect, open, segmentation, state, screenshot, page, size = "1280x800", case_id;
  std::string roi_pattern = FolderOptions().roi_pattern;
  std::int64_t slice = 0;
  int lesion = 0;
};

void Declare(CLI::App& app, Options& options) {
  app.description("Consilium's desktop: live rounds and predictions. Research use only. Not for diagnosis.");
  auto* connect =
      app.add_option("--connect", options.connect, "a site node's reader file, or the folder that holds it");
  auto* open = app.add_option("--open", options.open, "a folder of DICOM files: PET and CT, RTSTRUCT, SEG");
  connect->excludes(open);
  app.add_option("--seg", options.segmentation, "a DICOM SEG to show as prediction")->needs(open);
  app.add_option("--roi", options.roi_pattern, "names of the contour shown as reference")->needs(open);
  app.add_option("--state", options.state, "a federation's state as JSON, for the Rounds page");
  auto* screenshot = app.add_option("--screenshot", options.screenshot, "write a picture (PNG) of one page and end");
  app.add_option("--page", options.page, "rounds or case")->check(CLI::IsMember({"rounds", "case"}));
  app.add_option("--size", options.size, "of the window, WxH")->capture_default_str();
  app.add_option("--case", options.case_id, "the case to show, by its id")->needs(screenshot);
  app.add_option("--slice", options.slice, "the axial slice to show, from 1")->needs(screenshot);
  app.add_option("--lesion", options.lesion, "the lesion to go to, from 1")->needs(screenshot);
}

QSize ParseSize(const std::string& text) {
  int width = 0, height = 0;
  const char* end = text.data() + text.size();
  const auto [cross, wide] = std::from_chars(text.data(), end, width);
  const bool split = wide == std::errc() && cross != end && *cross == 'x';
  const auto [rest, high] = split ? std::from_chars(cross + 1, end, height) : std::from_chars_result{end, wide};
  Require(
      split && high == std::errc() && rest == end && width >= 1000 && height >= 640 && width <= 8000 && height <= 8000,
      "--size " + text + " is not a size", "Give width x height, from 1000x640 to 8000x8000: --size 1280x800");
  return {width, height};
}

std::unique_ptr<CaseSource> MakeSource(const Options& options) {
  if (!options.connect.empty()) return std::make_unique<SiteLink>(ReadReaderFile(options.connect));
  if (options.open.empty()) return nullptr;
  FolderOptions folder;
  folder.folder = options.open;
  folder.roi_pattern = options.roi_pattern;
  if (!options.segmentation.empty()) folder.segmentation = options.segmentation;
  return std::make_unique<FolderSource>(folder);
}

Page FirstPage(const Options& options) {
  if (!options.page.empty()) return options.page == "rounds" ? Page::kRounds : Page::kCase;
  return options.open.empty() ? Page::kRounds : Page::kCase;
}

// A picture of a page that nothing will ever fill is not waited for.
void RequirePage(const Options& options, Page page) {
  const bool has_cases = !options.connect.empty() || !options.open.empty();
  const bool has_rounds = !options.connect.empty() || !options.state.empty();
  Require(page != Page::kCase || has_cases, "there is no case to take a picture of",
          "Name a folder (--open DIR) or a reader file (--connect FILE).");
  Require(page != Page::kRounds || has_rounds, "there are no rounds to take a picture of",
          "Name a state file (--state FILE.json) or a reader file (--connect FILE).");
}

int Run(int argc, char** argv, const Options& options) {
  Require(!options.connect.empty() || !options.open.empty() || !options.state.empty(), "there is nothing to show",
          "Name a reader file (--connect FILE), a folder (--open DIR) or a state file (--state FILE.json).");
  const QSize size = ParseSize(options.size);
  const Page page = FirstPage(options);
  if (!options.screenshot.empty()) RequirePage(options, page);
  std::unique_ptr<CaseSource> source = MakeSource(options);  // errors before any window
  const bool display = std::getenv("DISPLAY") != nullptr || std::getenv("WAYLAND_DISPLAY") != nullptr;
  if (!options.screenshot.empty() && !display && std::getenv("QT_QPA_PLATFORM") == nullptr)
    qputenv("QT_QPA_PLATFORM", "offscreen");

  QApplication application(argc, argv);
  QApplication::setApplicationName("consilium-desktop");
  Apply(DarkTheme(), application);
  Desktop desktop(std::move(source));
  if (!options.state.empty()) desktop.Show(ReadStateFile(options.state));
  if (options.screenshot.empty()) {
    desktop.window().ShowPage(page);
    desktop.window().resize(size);
    desktop.window().show();
  } else {
    PictureOrder order;
    order.file = options.screenshot;
    order.size = size;
    order.case_id = options.case_id;
    if (options.lesion > 0) order.lesion = options.lesion;
    if (options.slice > 0) order.slice = options.slice;
    desktop.Order(page, order);
  }
  desktop.Start();
  return QApplication::exec();
}

}  // namespace
}  // namespace consilium

int main(int argc, char** argv) {
  consilium::RequireTls13();
  consilium::SilenceGrpc();
  CLI::App app("", "consilium-desktop");
  app.set_version_flag("--version", consilium::ProgramVersion());
  consilium::Options options;
  consilium::Declare(app, options);
  CLI11_PARSE(app, argc, argv);
  return consilium::RunProgram(argc, argv, [&] { return consilium::Run(argc, argv, options); });
}
