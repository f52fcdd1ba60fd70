// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "site-node/library/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <set>

#include "imaging/phantom/phantom.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temporary_folder.h"

namespace consilium {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class StatisticsTest : public testing::Test {
 protected:
  std::unique_ptr<CaseLibrary> Open() {
    fs::create_directories(folder_ / "site");
    return std::make_unique<CaseLibrary>(folder_ / "site", LibraryOptions{}, Device(), clock_);
  }
  fs::path Write(const std::string& style, int patients, std::uint64_t seed) {
    WritePhantoms({.dir = folder_ / style, .patients = patients, .style = style, .seed = seed});
    return folder_ / style;
  }
  TemporaryFolder folder_;
  FakeClock clock_;
};

TEST_F(StatisticsTest, OfPhantomsWhoseScannersAndTumoursAreKnown) {
  const auto library = Open();
  library->Import(Write("north", 3, 5));   // PET 4 x 4 x 4 mm, CT 3 x 3 x 3 mm
  library->Import(Write("valley", 2, 6));  // PET 5 x 5 x 4.5 mm, CT 4 x 4 x 3.5 mm
  FeatureStore store(folder_ / "site");
  const LibraryStatistics s = CollectStatistics(*library, store).statistics;
  EXPECT_EQ(s.patients, 5);
  EXPECT_EQ(s.cases, 5);
  EXPECT_EQ(s.labelled, 5);
  EXPECT_EQ(s.modalities, (std::map<std::string, StatisticsBin>{{"PET", {5, 5}}, {"CT", {5, 5}}}));
  EXPECT_EQ(s.pet_in_plane.bins[9], (StatisticsBin{3, 3})) << "4 to 5 mm";
  EXPECT_EQ(s.pet_in_plane.bins[10], (StatisticsBin{2, 2})) << "5 to 6 mm";
  EXPECT_EQ(s.pet_slices.bins[9], (StatisticsBin{5, 5}));
  EXPECT_EQ(s.ct_in_plane.bins[7], (StatisticsBin{3, 3})) << "3 to 3.5 mm";
  EXPECT_EQ(s.ct_slices.bins[8], (StatisticsBin{2, 2})) << "3.5 to 4 mm";
  std::int64_t lesions = 0;
  double ml = 0;
  for (const CaseRecord& record : library->Cases()) {
    const CaseFeatures features = FeaturesOf(library->Images(record.id));
    lesions += std::ssize(*features.lesion_ml);
    for (const double v : *features.lesion_ml) ml += v;
    ml -= static_cast<double>(library->Images(record.id).reference->CountNonZero()) *
          library->Images(record.id).pet.geometry.VoxelVolumeMl();
    EXPECT_FALSE(features.series[0].scanner.empty());
  }
  EXPECT_EQ(s.lesions, lesions);
  EXPECT_NEAR(ml, 0, 1e-9) << "the lesions are the whole label";
}

TEST_F(StatisticsTest, CasesAreReadOnceAndAgainWhenTheyChange) {
  const auto library = Open();
  const fs::path images = Write("north", 2, 7);
  library->Import(images);
  const CaseId id = library->Cases().front().id;
  FeatureStore store(folder_ / "site");
  const LibraryStatistics first = CollectStatistics(*library, store).statistics;
  fs::rename(images, folder_ / "moved");
  EXPECT_EQ(CollectStatistics(*library, store).statistics, first) << "nothing was read again";
  FeatureStore again(folder_ / "site");
  EXPECT_EQ(CollectStatistics(*library, again).statistics, first);
  EXPECT_FALSE(store.Find(id, DigestOf("changed files")));
  fs::create_directories(folder_ / "empty");
  FeatureStore fresh(folder_ / "empty");
  testing::internal::CaptureStderr();
  const CollectedStatistics gone = CollectStatistics(*library, fresh);
  EXPECT_EQ(gone.unread, 2);
  EXPECT_EQ(gone.statistics, LibraryStatistics());
  EXPECT_THAT(testing::internal::GetCapturedStderr(), Not(HasSubstr(images.string()))) << "a path may name a patient";
}

TEST_F(StatisticsTest, CasesThatAreGoneAreNotInIt) {
  const auto library = Open();
  const fs::path images = Write("north", 3, 7);
  library->Import(images);
  FeatureStore store(folder_ / "site");
  ASSERT_EQ(CollectStatistics(*library, store).statistics.cases, 3);
  fs::remove_all(*fs::directory_iterator(images));
  ASSERT_EQ(library->Import(images).gone.size(), 1U);
  const CollectedStatistics left = CollectStatistics(*library, store);
  EXPECT_EQ(left.statistics.cases, 2);
  EXPECT_EQ(left.unread, 0);
}

LibraryStatistics Example() {
  LibraryStatistics s;
  for (int n = 0; n < 9; ++n) {
    const double mm = n < 6 ? 4.07 : 2.04;
    s.AddPatient(std::vector<CaseFeatures>{
        {{{Modality::kPet, "Acme & Sons <One>", mm, 3.27}, {Modality::kCt, "Acme Two", 0.98, 5.0}},
         {{0.2 * (n + 1) * (n + 1), 12.0 * n}}}});
  }
  return s;
}

TEST_F(StatisticsTest, TablesForPeople) {
  const std::string text = StatisticsText(Example());
  EXPECT_THAT(text, HasSubstr("9 patients, 9 cases, 9 of them with a label, 18 lesions"));
  EXPECT_THAT(text, HasSubstr("PET: pixel spacing  series  patients\n2 to 2.5 mm"));
  EXPECT_THAT(text, HasSubstr("4 to 5 mm                6         6\n"));
  EXPECT_THAT(text, Not(HasSubstr("6 to 8 mm"))) << "nothing beyond the last filled bin";
  EXPECT_THAT(StatisticsText(Shareable(Example(), 5)), HasSubstr("Bins of too few patients are left out."));
  EXPECT_EQ(StatisticsText(LibraryStatistics()), "0 patients, 0 cases, 0 of them with a label, 0 lesions\n");
}

// A reader of XML that knows elements, attributes in double quotes and text.
void ExpectWellFormed(const std::string& xml) {
  std::vector<std::string> open;
  std::size_t at = xml.find("?>") + 2, elements = 0;
  while ((at = xml.find('<', at)) != std::string::npos) {
    const std::size_t end = xml.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = xml.substr(at + 1, end - at - 1);
    ASSERT_EQ(tag.find('<'), std::string::npos) << tag;
    ASSERT_EQ(std::count(tag.begin(), tag.end(), '"') % 2, 0) << tag;
    if (tag.starts_with('/')) {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), tag.substr(1));
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.push_back(tag.substr(0, tag.find(' ')));
    }
    ++elements;
    at = end;
  }
  EXPECT_TRUE(open.empty());
  EXPECT_GT(elements, 4u);
}

TEST_F(StatisticsTest, PicturesAreWellFormedAndSayTheSame) {
  std::set<std::string> names;
  for (const LibraryStatistics& s : {Example(), Shareable(Example(), 5), LibraryStatistics()}) {
    for (const Picture& picture : StatisticsPictures(s)) {
      SCOPED_TRACE(picture.name);
      names.insert(picture.name);
      ExpectWellFormed(picture.svg);
    }
  }
  EXPECT_EQ(names.size(), 8u);
  const auto pictures = StatisticsPictures(Example());
  EXPECT_EQ(pictures[2].name, "pet_in_plane.svg");
  EXPECT_THAT(pictures[2].svg, HasSubstr(">4 to 5 mm</text>"));
  EXPECT_THAT(pictures[2].svg, HasSubstr("width=\"330.0\" height=\"18\"")) << "the longest bar";
  EXPECT_THAT(pictures[2].svg, HasSubstr("width=\"165.0\" height=\"18\"")) << "3 of 6 series";
  EXPECT_THAT(pictures[2].svg, HasSubstr(">6 (6)</text>"));
  LibraryStatistics wide;
  wide.AddPatient(std::vector<CaseFeatures>{{{{Modality::kPet, std::string(64, 'W'), 4.07, 3.27}}, {}}});
  EXPECT_THAT(StatisticsPictures(wide)[1].svg, HasSubstr("<text x=\"632\" y=\"72\" text-anchor=\"end\">PET WWW"))
      << "20 and 68 letters of at most 9: nothing begins left of the picture";
}

}  // namespace
}  // namespace consilium
