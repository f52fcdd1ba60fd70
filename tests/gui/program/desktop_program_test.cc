// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
// The program consilium-desktop, run as people run it, without a display: its pictures, exit codes and words.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <QImage>
#include <fstream>

#include "core/base/reader_file.h"
#include "tests/gui/support/fake_panel.h"
#include "tests/gui/support/phantom_folder.h"
#include "tests/support/temporary_folder.h"
#include "tests/tools/consilium/front_door.h"

namespace consilium {
namespace {

using ::testing::HasSubstr;

Ran RunDesktop(const std::string& words) { return RunConsilium(words, "env -u DISPLAY -u WAYLAND_DISPLAY"); }

class DesktopProgram : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<PhantomFolder>(std::filesystem::path(testing::TempDir()) /
                                              ("desktop_program_" + std::to_string(getpid())));
    std::ofstream(State()) << R"({"federation": "tumours", "run": {"run": "run-1", "phase": "training", "round": "1",
      "rounds": "3"}, "sites": [{"site": "north", "state": "connected", "dice": -1}]})";
  }
  static void TearDownTestSuite() { folder_.reset(); }

  static std::string Open() { return "--open " + folder_->images().string() + " "; }
  static std::string Seg() { return "--seg " + folder_->seg().string() + " "; }
  static std::string State() { return (folder_->dir() / "state.json").string(); }
  static std::string To(const std::string& name) { return "--screenshot " + File(name) + " "; }
  static std::string File(const std::string& name) { return (folder_->dir() / name).string(); }
  static QImage Picture(const std::string& words, const std::string& name) {
    const Ran ran = RunDesktop(words + To(name));
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    return QImage(QString::fromStdString(File(name)));
  }
  static void ExpectRefused(const std::string& words, const std::string& said) {
    const Ran ran = RunDesktop(words + " " + To("none.png"));
    EXPECT_EQ(ran.exit_code, 1) << words;
    EXPECT_THAT(ran.err, HasSubstr(said)) << words;
    EXPECT_FALSE(std::filesystem::exists(File("none.png"))) << words;
  }

  static inline std::unique_ptr<PhantomFolder> folder_;
};

TEST_F(DesktopProgram, PicturesOfAFolder) {
  const QImage first = Picture(Open() + Seg(), "first.png");
  EXPECT_EQ(first.size(), QSize(1280, 800));
  const QImage same = Picture(Open() + Seg() + "--case case-1 --lesion 1 ", "same.png");
  EXPECT_EQ(first, same) << "the first case and its largest lesion is what opens";
  EXPECT_NE(first, Picture(Open() + Seg() + "--slice 3 ", "slice.png"));
  EXPECT_NE(first, Picture(Open() + Seg() + "--case case-2 ", "other.png"));
  EXPECT_NE(first, Picture(Open(), "no_seg.png")) << "the prediction is drawn";
  EXPECT_EQ(Picture(Open() + "--size 1400x900 ", "large.png").size(), QSize(1400, 900));
}

TEST_F(DesktopProgram, APictureOfAStateFile) {
  const QImage rounds = Picture("--state " + State() + " ", "rounds.png");
  EXPECT_EQ(rounds.size(), QSize(1280, 800));
  EXPECT_NE(rounds, Picture(Open() + "--state " + State() + " ", "case.png")) << "a folder opens on the Case page";
  EXPECT_EQ(rounds.size(), Picture(Open() + "--page rounds --state " + State() + " ", "both.png").size());
}

TEST_F(DesktopProgram, MistakesEndWithWords) {
  ExpectRefused("", "there is nothing to show\n  Name a reader file (--connect FILE), a folder (--open DIR)");
  ExpectRefused(Open() + "--size big", "--size big is not a size");
  ExpectRefused(Open() + "--size 100x100", "from 1000x640 to 8000x8000");
  ExpectRefused("--open " + File("gone"), "gone");
  ExpectRefused("--state " + File("gone.json"), "cannot open the state file");
  ExpectRefused("--connect " + File("gone.reader"), "gone.reader");
  ExpectRefused(Open() + "--page rounds", "there are no rounds to take a picture of");
  ExpectRefused("--page case --state " + State(), "there is no case to take a picture of");
  ExpectRefused(Open() + "--case case-9", "there is no case case-9\nThe cases are: case-1, case-2");
  ExpectRefused(Open() + Seg() + "--lesion 99", "there is no lesion 99: the case has ");
  ExpectRefused(Open() + Seg() + "--slice 9999", "there is no slice 9999: the case has ");
  ExpectRefused(Open() + "--seg " + File("gone.dcm"), "gone.dcm");
  const Ran ran = RunDesktop(Open() + "--screenshot " + File("no/such/folder.png"));
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("cannot write the picture"));
}

TEST_F(DesktopProgram, WordsThatDoNotGoTogetherAreRefused) {
  for (const std::string& words : {Seg(), Open() + "--connect x", Open() + "--slice 4", Open() + "--page other"}) {
    const Ran ran = RunDesktop(words);
    EXPECT_NE(ran.exit_code, 0) << words;
    EXPECT_THAT(ran.err, HasSubstr("--")) << words;
  }
}

// A picture through a line that is not there ends with what is wrong with the line, and not with "the data did not
// arrive in time" after two minutes.
class DesktopProgramLine : public ::testing::Test {
 protected:
  Ran Picture(const ReaderFile& reader) const {
    WriteReaderFile(folder_ / "lee.reader", reader);
    return RunDesktop("--connect " + (folder_ / "lee.reader").string() + " --screenshot " + Png().string());
  }
  void ExpectNoAnswer(const std::string& address) const {
    ReaderFile reader = panel_.Reader();
    reader.panel = address;
    const Ran ran = Picture(reader);
    EXPECT_EQ(ran.exit_code, 1);
    EXPECT_THAT(ran.err, HasSubstr("error: no picture: the site node at " + address + " does not answer\n"));
    EXPECT_THAT(ran.err, HasSubstr("Check that it runs there and that this computer can reach it."));
    EXPECT_FALSE(std::filesystem::exists(Png()));
  }
  std::filesystem::path Png() const { return folder_ / "p.png"; }

  TemporaryFolder folder_;
  FakePanel panel_{MakeSyntheticCase()};
};

TEST_F(DesktopProgramLine, APanelThatIsThereIsPictured) {
  const Ran ran = Picture(panel_.Reader());
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_TRUE(std::filesystem::exists(Png()));
}

TEST_F(DesktopProgramLine, ARemovedReaderIsTold) {
  panel_.RemoveReader();
  const Ran ran = Picture(panel_.Reader());
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_THAT(ran.err, HasSubstr("error: no picture: this reader was removed\nAsk the hospital's IT"));
}

TEST_F(DesktopProgramLine, NobodyListens) { ExpectNoAnswer("127.0.0.1:1"); }

// The port is open, but whoever has it never says a word: a panel that hangs.
TEST_F(DesktopProgramLine, WhoListensIsSilent) {
  const int door = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(door, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(door, 16), 0);
  ASSERT_EQ(getsockname(door, reinterpret_cast<sockaddr*>(&address), &size), 0);
  ExpectNoAnswer("127.0.0.1:" + std::to_string(ntohs(address.sin_port)));
  close(door);
}

}  // namespace
}  // namespace consilium
