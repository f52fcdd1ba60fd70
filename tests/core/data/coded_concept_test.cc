// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "core/data/coded_concept.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"

namespace consilium {
namespace {

TEST(CodedConcept, SchemeValueAndMeaning) {
  const CodedConcept code = ParseCodedConcept("  SCT  108369006   Malignant  neoplasm ");
  EXPECT_EQ(code.scheme, "SCT");
  EXPECT_EQ(code.value, "108369006");
  EXPECT_EQ(code.meaning, "Malignant  neoplasm");
  EXPECT_EQ(code, kNeoplasm) << "the meaning is for people";
  EXPECT_NE(code, (CodedConcept{"108369006", "99X", "Neoplasm"}));
  EXPECT_NE(code, (CodedConcept{"1", "SCT", "Neoplasm"}));
  EXPECT_EQ(code.Text(), "SCT 108369006 \"Malignant  neoplasm\"");
  EXPECT_EQ(ParseCodedConcept("DCM 1").Text(), "DCM 1");
}

TEST(CodedConcept, WhatIsNoCode) {
  for (const std::string text :
       {"", "SCT", "SCT  ", "12345678901234567 1", "SCT 12345678901234567", "S\nT 1", "SCT 1\\2", "SCT 1 \"quoted\""}) {
    ExpectError(ErrorCode::kInvalidArgument, "is no code of a label", [&] { ParseCodedConcept(text); });
    ExpectError(ErrorCode::kInvalidArgument, "such as \"SCT 108369006 Neoplasm\"", [&] { ParseCodedConcept(text); });
  }
  EXPECT_NO_THROW(ParseCodedConcept("SCT 1 " + std::string(64, 'x')));
  ExpectError(ErrorCode::kInvalidArgument, "is no code", [] { ParseCodedConcept("SCT 1 " + std::string(65, 'x')); });
}

}  // namespace
}  // namespace consilium
