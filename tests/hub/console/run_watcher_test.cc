// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "hub/console/run_watcher.h"

#include <gtest/gtest.h>

#include <sstream>

namespace consilium {
namespace {

class RunWatcherTest : public testing::Test {
 protected:
  v1::RunView& Run() { return *state_.mutable_run(); }
  void Phase(const std::string& phase, std::int64_t round) {
    Run().set_run("tiny-1");
    Run().set_rounds(2);
    Run().set_phase(phase);
    Run().set_round(round);
    Run().set_updates_asked(3);
  }
  void Finish(std::int64_t round, double dice) {
    v1::RoundView& done = *Run().add_history();
    done.set_round(round);
    done.set_dice(dice);
    done.set_seconds(round);
  }
  // What one more look prints.
  std::string Show(RunWatcher& watcher, bool goes_on = true) {
    out_.str("");
    EXPECT_EQ(watcher.Show(state_), goes_on);
    return out_.str();
  }

  std::ostringstream out_;
  v1::FederationState state_;
};

TEST_F(RunWatcherTest, InAFileALineForEachRoundAndPhase) {
  RunWatcher watcher(out_, TerminalStyle::kPlain);
  EXPECT_EQ(Show(watcher), "No run yet; waiting for one.\n");
  EXPECT_EQ(Show(watcher), "");
  Phase("waiting", 0);
  Run().set_reason("the plan needs 3 sites");
  EXPECT_EQ(Show(watcher), "Run tiny-1 waits: the plan needs 3 sites\n");
  EXPECT_EQ(Show(watcher), "");
  Phase("training", 1);
  EXPECT_EQ(Show(watcher), "");
  Finish(1, 0.25);
  Finish(2, 0.5);
  Phase("finishing", 2);
  EXPECT_EQ(
      Show(watcher),
      "Round 1   Dice 0.25   loss 0.000   1.0 s   0 B up   \nRound 2   Dice 0.50   loss 0.000   2.0 s   0 B up   \n"
      "Run tiny-1: the sites evaluate the last model\n");
  Phase("done", 2);
  Run().set_final_dice(0.75);
  EXPECT_EQ(Show(watcher, false),
            "Run tiny-1 is done: 2 rounds, Dice 0.75. Get the model: consilium-hub model export --out FILE\n");
}

TEST_F(RunWatcherTest, WhoComesLateSeesTheRoundsThatWere) {
  Finish(1, 0.25);
  Phase("training", 2);
  RunWatcher watcher(out_, TerminalStyle::kPlain);
  EXPECT_EQ(Show(watcher),
            "Round 1   Dice 0.25   loss 0.000   1.0 s   0 B up   \n"
            "Round 2 of 2   0 of 3 updates in   Dice 0.25   excluded: none\n");
  // Another run is shown from its start.
  Phase("training", 1);
  Run().set_run("tiny-2");
  EXPECT_EQ(Show(watcher),
            "Round 1   Dice 0.25   loss 0.000   1.0 s   0 B up   \n"
            "Round 1 of 2   0 of 3 updates in   Dice 0.25   excluded: none\n");
}

TEST_F(RunWatcherTest, OnATerminalTheLastLineChangesInPlaceAndIsCutToItsWidth) {
  RunWatcher watcher(out_, TerminalStyle::kLive, 20);
  Phase("training", 1);
  EXPECT_EQ(Show(watcher), "\rRound 1 of 2   0 of\x1b[K");
  EXPECT_EQ(Show(watcher), "\rRound 1 of 2   0 of\x1b[K");
  Finish(1, 0.25);
  Phase("training", 2);
  EXPECT_EQ(Show(watcher), "\r\x1b[KRound 1   Dice 0.25   loss 0.000   1.0 s   0 B up   \n\rRound 2 of 2   0 of\x1b[K");
  Phase("waiting", 0);
  Run().set_reason("über");
  EXPECT_EQ(Show(watcher), "\rRun tiny-1 waits: \x1b[K");  // not the half of a letter
  Phase("aborted", 2);
  Run().set_reason("wrong plan");
  EXPECT_EQ(Show(watcher, false), "\r\x1b[KRun tiny-1 was aborted: wrong plan\n");
}

}  // namespace
}  // namespace consilium
