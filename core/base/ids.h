// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace consilium {

// A text identifier that cannot be mixed up with another kind of identifier.
template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(std::string text) : text_(std::move(text)) {}

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend auto operator<=>(const Id&, const Id&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Id& id) { return out << id.text_; }

 private:
  std::string text_;
};

// A counting number with a meaning; ordered, and only comparable to its own kind.
template <class Tag>
class Ordinal {
 public:
  Ordinal() = default;
  explicit constexpr Ordinal(std::int64_t value) : value_(value) {}

  constexpr std::int64_t value() const { return value_; }
  constexpr Ordinal Next() const { return Ordinal(value_ + 1); }

  friend auto operator<=>(const Ordinal&, const Ordinal&) = default;
  friend std::ostream& operator<<(std::ostream& out, const Ordinal& n) { return out << n.value_; }

 private:
  std::int64_t value_ = 0;
};

using FederationId = Id<struct FederationTag>;
using SiteId = Id<struct SiteTag>;  // lower case letters, digits and '-', at most 40 characters
using RunId = Id<struct RunTag>;
using CaseId = Id<struct CaseTag>;             // a site's own pseudonym of one patient's PET/CT; never leaves the site
using RoundNumber = Ordinal<struct RoundTag>;  // 1 is a run's first round
using ModelVersion = Ordinal<struct VersionTag>;  // 0 is a run's first global model

// What may name a site or an administrator: 1 to 40 lower case letters, digits and '-', which does not begin or end it.
bool IsPlainName(std::string_view text);
// Throws Error(kInvalidArgument) unless `text` may name a site.
SiteId ParseSiteId(const std::string& text);

}  // namespace consilium

template <class Tag>
struct std::hash<consilium::Id<Tag>> {
  std::size_t operator()(const consilium::Id<Tag>& id) const noexcept { return std::hash<std::string>{}(id.text()); }
};
