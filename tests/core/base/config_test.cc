// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/base/config.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/base/file_store.h"
#include "tests/support/expect_error.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

struct Inner {
  std::int64_t min_patients = 3;
  double deadline_s = 3600;
  template <class V>
  void Visit(V& v) {
    v.Field("min_patients", min_patients, "patients a site needs");
    v.Field("deadline_s", deadline_s, "seconds");
  }
  friend bool operator==(const Inner&, const Inner&) = default;
};

struct Deeper {
  Inner inner;
  template <class V>
  void Visit(V& v) {
    v.Section("inner", inner);
  }
  friend bool operator==(const Deeper&, const Deeper&) = default;
};

struct Options {
  std::string name = "x";
  bool mirror = true;
  std::int64_t port = 0;
  std::vector<std::int64_t> features = {1, 2};
  std::vector<std::string> words;
  Inner eligibility;
  Deeper deeper;
  template <class V>
  void Visit(V& v) {
    v.Field("name", name, "a name");
    v.Field("mirror", mirror, "flips");
    v.Field("port", port, "a port");
    v.Field("features", features, "maps");
    v.Field("words", words, "words");
    v.Section("eligibility", eligibility);
    v.Section("deeper", deeper);
  }
  friend bool operator==(const Options&, const Options&) = default;
};

Options Read(std::string_view toml) {
  Options options;
  ConfigReader reader = ConfigReader::FromText(toml, "sarcoma.toml");
  options.Visit(reader);
  reader.Finish();
  return options;
}

void ExpectRefused(std::string_view toml, std::string_view words) {
  SCOPED_TRACE(std::string(toml.substr(0, 100)));
  ExpectError(ErrorCode::kInvalidArgument, words, [&] { Read(toml); });
}

TEST(ConfigTest, WhatIsAbsentKeepsItsDefault) {
  const Options options = Read("port = 7\n[eligibility]\ndeadline_s = 5\n");
  EXPECT_EQ(options.port, 7);
  EXPECT_EQ(options.name, "x");
  EXPECT_EQ(options.eligibility.min_patients, 3);
  EXPECT_EQ(options.eligibility.deadline_s, 5.0);  // a whole number is a number
  EXPECT_EQ(Read(""), Options{});
}

TEST(ConfigTest, UnknownKeysNameLineAndNearest) {
  const std::string thirteen(12, '\n');
  ExpectRefused(
      thirteen + "[eligibility]\nmin_patient = 3\n",
      "sarcoma.toml, line 14: unknown key `eligibility.min_patient`\n  did you mean `eligibility.min_patients`?");
  ExpectRefused(thirteen + "\nmin_patient = 3\n",
                "sarcoma.toml, line 14: unknown key `min_patient`\n  did you mean `eligibility.min_patients`?");
  ExpectRefused("[eligibilty]\nmin_patients = 3\n", "line 1: unknown key `eligibilty`\n  did you mean `eligibility`?");
  ExpectRefused("Port = 1\n", "unknown key `Port`\n  did you mean `port`?");
  ExpectRefused("[deeper.inner]\ndedline_s = 1\n",
                "unknown key `deeper.inner.dedline_s`\n  did you mean `deeper.inner.deadline_s`?");
  ExpectRefused("deeper.inner.min = 1\n", "unknown key `deeper.inner.min`");
}

TEST(ConfigTest, WithoutAnythingNearThereIsNoGuess) {
  try {
    Read("zebra_crossing = 1\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "sarcoma.toml, line 1: unknown key `zebra_crossing`");
    EXPECT_EQ(error.next_step(), "");
  }
}

TEST(ConfigTest, TheFirstUnknownKeyByLineIsNamed) {
  ExpectRefused("zz = 1\naa = 2\n", "line 1: unknown key `zz`");
  ExpectRefused("[eligibility]\nzz = 1\n[aa]\nb = 1\n", "line 2: unknown key `eligibility.zz`");
}

TEST(ConfigTest, WrongTypesNameKeyLineAndBoth) {
  ExpectRefused("name = 3\n",
                "sarcoma.toml, line 1: `name` must be a text in quotes, not integer\n"
                "  Correct that line of the file and start again.");
  ExpectRefused("\nport = \"3\"\n", "line 2: `port` must be a whole number, not string");
  ExpectRefused("port = 3.0\n", "`port` must be a whole number, not floating-point");
  ExpectRefused("mirror = 1\n", "`mirror` must be true or false, not integer");
  ExpectRefused("features = [1, \"2\"]\n", "`features` must be a list of whole numbers, not string");
  ExpectRefused("features = 1\n", "`features` must be a list of whole numbers, not integer");
  ExpectRefused("words = [1]\n", "`words` must be a list of texts in quotes");
  ExpectRefused("eligibility = 3\n", "`eligibility` must be a section, [eligibility], not integer");
  ExpectRefused("[eligibility]\ndeadline_s = \"soon\"\n",
                "line 2: `eligibility.deadline_s` must be a number, not string");
}

TEST(ConfigTest, BrokenTomlNamesTheLine) {
  ExpectRefused("a = 1\nb = = 2\n", "sarcoma.toml, line 2: ");
  ExpectRefused("port = 1\nport = 2\n", "sarcoma.toml, line 2: ");
  ExpectRefused("port = 99999999999999999999\n", "sarcoma.toml, line 1: ");
  ExpectRefused("a = \"\xff\"\n", "sarcoma.toml, line 1: ");
  ExpectRefused("a = " + std::string(100'000, '['), "sarcoma.toml, line 1: ");
  ExpectRefused("[", "The file is no valid TOML");
}

TEST(ConfigTest, HostileKeysAreShownSafely) {
  ExpectRefused("\"\\u001b[2J\" = 1\n", "unknown key `?[2J`");
  ExpectRefused("\"" + std::string(5000, 'k') + "\" = 1\n", "kkk...`");
}

TEST(ConfigTest, FilesAreLimitedAndNamed) {
  const TemporaryFolder folder;
  WriteFileDurably(folder / "plan.toml", "prot = 1\n");
  ExpectError(ErrorCode::kInvalidArgument, "plan.toml, line 1: unknown key `prot`\n  did you mean `port`?", [&] {
    Options options;
    ConfigReader reader = ConfigReader::FromFile(folder / "plan.toml");
    options.Visit(reader);
    reader.Finish();
  });
  ExpectError(ErrorCode::kNotFound, "cannot read", [&] { ConfigReader::FromFile(folder / "none.toml"); });
  const std::string large((1 << 20) + 1, ' ');
  ExpectError(ErrorCode::kResourceExhausted, "is larger than 1 MiB", [&] { Read(large); });
}

TEST(ConfigTest, PrintedOptionsReadBackEqual) {
  Options options;
  options.name = "quote \" backslash \\ newline \n tab \t bell \a ü";
  options.port = std::numeric_limits<std::int64_t>::min();
  options.features = {};
  options.words = {"a", "", "\"b\""};
  options.mirror = false;
  for (const double number : {0.1, 1e300, -5e-324, 100.0, 1e15, 123456789012345678.0, 2.0 / 3.0}) {
    options.eligibility.deadline_s = number;
    ConfigPrinter printer;
    options.Visit(printer);
    EXPECT_EQ(Read(printer.text()), options) << printer.text();
  }
  options.eligibility.deadline_s = std::numeric_limits<double>::infinity();
  ConfigPrinter printer;
  options.Visit(printer);
  EXPECT_EQ(Read(printer.text()), options);
}

TEST(ConfigTest, PrintsDocumentationAboveEachKey) {
  Deeper deeper;
  ConfigPrinter shown, hidden(Comments::kHide);
  deeper.Visit(shown);
  deeper.Visit(hidden);
  EXPECT_EQ(shown.text(), "\n[inner]\n# patients a site needs\nmin_patients = 3\n# seconds\ndeadline_s = 3600.0\n");
  EXPECT_EQ(hidden.text(), "\n[inner]\nmin_patients = 3\ndeadline_s = 3600.0\n");
  Options options;
  ConfigPrinter nested;
  options.Visit(nested);
  EXPECT_NE(nested.text().find("\n[deeper.inner]\n"), std::string::npos);
}

}  // namespace
}  // namespace consilium
