// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "gui/link/site_link.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <semaphore>
#include <stop_token>
#include <thread>

#include "core/base/as_error.h"
#include "core/base/certificate.h"
#include "core/base/error.h"
#include "gui/link/panel_codec.h"
#include "proto/codec.h"
#include "proto/panel.grpc.pb.h"
#include "proto/tls.h"

namespace consilium {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{500}, kLongestPause{10'000};
constexpr auto kAnswerLimit = std::chrono::seconds(30);  // of a call that is answered at once
constexpr int kSlabsInFlight = 8;                        // between the fetching and the Qt thread: 8 MiB

std::shared_ptr<grpc::Channel> ChannelTo(const ReaderFile& reader) {
  const TlsIdentity identity{reader.certificate_pem + reader.authority_pem, reader.key_pem};
  return MakeChannel(reader.panel, kPanelServerName, ClientCredentials(reader.authority_pem, identity));
}

std::int64_t FirstSlice(const CaseContent& content, const ImageHeader& image) {
  const double k = image.grid.PointToIndex(FirstCursor(content)).z;
  return std::clamp<std::int64_t>(std::llround(k), 0, image.grid.size.z - 1);
}

// Why there is no line, and what to do, in words for a clinician; gRPC's own words would not help one.
Trouble LinkTrouble(const Error& error, const std::string& panel) {
  if (error.code() == ErrorCode::kPermissionDenied || error.code() == ErrorCode::kUnauthenticated)
    return {error.what(), error.next_step(), true};
  const bool silent = error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kDeadlineExceeded ||
                      error.code() == ErrorCode::kCancelled;
  if (!silent) return {error.what(), error.next_step()};
  return {"the site node at " + panel + " does not answer",
          "Check that it runs there and that this computer can reach it. If so, this reader file is of another site or "
          "too old: ask the hospital's IT for a new one."};
}

// Calls off a call that did not bring its first word in time. Threads: its own; joined by the destructor.
class Patience {
 public:
  Patience(grpc::ClientContext& context, milliseconds limit)
      : thread_([&context, limit](std::stop_token heard) {
          std::mutex mutex;
          std::condition_variable_any changed;
          std::unique_lock lock(mutex);
          changed.wait_for(lock, heard, limit, [&heard] { return heard.stop_requested(); });
          if (!heard.stop_requested()) context.TryCancel();
        }) {}
  void Heard() { thread_.request_stop(); }

 private:
  std::jthread thread_;
};

}  // namespace

// What the threads share. `wishes` are what the Qt thread wants next; a newer wish replaces an older one.
class SiteLink::Worker {
 public:
  Worker(SiteLink& link, ReaderFile reader, milliseconds first_word)
      : link_(link),
        reader_(std::move(reader)),
        first_word_(first_word),
        stub_(v1::Panel::NewStub(ChannelTo(reader_))) {}

  ~Worker() {
    stop_.request_stop();
    changed_.notify_all();
  }  // the threads are joined before anything they use goes

  void Start() {
    follow_ = std::jthread([this] { Follow(stop_.get_token()); });
    fetch_ = std::jthread([this] { Fetch(stop_.get_token()); });
  }

  void WishCase(const std::string& id) {
    std::lock_guard lock(mutex_);
    case_wish_ = id;
    if (images_call_ != nullptr && id != loading_) images_call_->TryCancel();
    changed_.notify_all();
  }

 private:
  void WishList() {
    std::lock_guard lock(mutex_);
    list_wish_ = true;
    changed_.notify_all();
  }

  template <class Function>
  void InQtThread(Function function) {
    QMetaObject::invokeMethod(&link_, std::move(function), Qt::QueuedConnection);
  }

  void Tell(const Trouble& trouble) {
    InQtThread([this, trouble] { Q_EMIT link_.LinkChanged(trouble); });
  }

  void Pause(milliseconds time, std::stop_token stop) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, time, [] { return false; });
  }

  // First thread: the state, pushed; again and again.
  void Follow(std::stop_token stop) {
    milliseconds pause = kFirstPause;
    while (!stop.stop_requested()) {
      try {
        FollowOnce(pause, stop);
      } catch (const std::exception& failure) {  // nobody is above this thread
        Report(AsError(failure));
      }
      if (stop.stop_requested()) return;
      Pause(pause, stop);
      pause = std::min(2 * pause, kLongestPause);
    }
  }

  void FollowOnce(milliseconds& pause, std::stop_token stop) {
    grpc::ClientContext context;
    std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
    Patience patience(context, first_word_);
    const auto reader = stub_->Watch(&context, v1::PanelWatchRequest());
    v1::PanelState state;
    bool first = true;
    while (reader->Read(&state)) {
      patience.Heard();
      if (first) Tell({});
      Show(state, first);
      first = false;
      pause = kFirstPause;
    }
    const grpc::Status status = reader->Finish();
    if (stop.stop_requested()) return;
    const bool closed = status.ok();  // the site node ends
    Tell(LinkTrouble(closed ? Error(ErrorCode::kUnavailable, "") : ToError(status, "cannot reach the site node"),
                     reader_.panel));
  }

  void Show(const v1::PanelState& state, bool first) {
    try {
      FederationView view = StateFromMessage(state);
      const auto listed = std::pair(view.cases, view.predictions_waiting);
      if (first || listed != listed_) WishList();
      listed_ = listed;
      InQtThread([this, view = std::move(view)] { Q_EMIT link_.FederationChanged(view); });
    } catch (const std::exception& failure) {
      Report(AsError(failure));
    }
  }

  // Second thread: lists and cases, one wish at a time.
  void Fetch(std::stop_token stop) {
    while (!stop.stop_requested()) {
      bool list = false;
      std::optional<std::string> id;
      {
        std::unique_lock lock(mutex_);
        if (!changed_.wait(lock, stop, [this] { return list_wish_ || case_wish_; })) return;
        list = std::exchange(list_wish_, false);
        if (!list) id = std::exchange(case_wish_, std::nullopt);
      }
      try {
        if (list)
          FetchList(stop);
        else
          FetchCase(*id, stop);
      } catch (const std::exception& failure) {
        const Error error = AsError(failure);
        if (stop.stop_requested() || error.code() == ErrorCode::kCancelled) continue;
        if (error.code() != ErrorCode::kUnavailable) {
          Report(error);
          continue;
        }
        Pause(milliseconds(1000), stop);  // the other thread makes the line again; ask once more
        std::lock_guard lock(mutex_);
        list_wish_ = list_wish_ || list;
        if (id && !case_wish_) case_wish_ = id;
      }
    }
  }

  void FetchList(std::stop_token stop) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kAnswerLimit);
    std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
    v1::ListCasesReply reply;
    ThrowUnlessOk(stub_->ListCases(&context, v1::ListCasesRequest(), &reply), "cannot list the site's cases");
    std::vector<CaseItem> cases;
    for (const auto& item : reply.cases()) cases.push_back(ItemFromMessage(item));
    InQtThread([this, cases = std::move(cases)] { Q_EMIT link_.CasesChanged(cases); });
  }

  void FetchCase(const std::string& id, std::stop_token stop) {
    v1::CaseReply reply;
    {
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + kAnswerLimit);
      std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
      v1::CaseRequest request;
      request.set_id(id);
      ThrowUnlessOk(stub_->GetCase(&context, request, &reply), "cannot open the case");
    }
    const auto content = std::make_shared<const CaseContent>(ContentFromMessage(reply));
    InQtThread([this, content] { Q_EMIT link_.CaseOpened(content); });
    if (id == complete_) return;  // only the prediction is new
    complete_.clear();
    for (const ImageHeader& image : content->images) FetchImage(*content, image, stop);
    complete_ = id;
  }

  void FetchImage(const CaseContent& content, const ImageHeader& image, std::stop_token stop) {
    grpc::ClientContext context;
    std::stop_callback cancel(stop, [&context] { context.TryCancel(); });
    {
      std::lock_guard lock(mutex_);
      images_call_ = &context;
      loading_ = content.item.id;
      if (case_wish_ && *case_wish_ != loading_) context.TryCancel();
    }
    v1::ImageRequest request;
    request.set_id(content.item.id);
    request.set_modality(image.modality == Modality::kPet ? "PT" : "CT");
    request.set_first_slice(FirstSlice(content, image));
    const auto reader = stub_->GetImage(&context, request);
    v1::ImageSlab message;
    std::optional<Error> bad;
    while (!bad && reader->Read(&message)) {
      try {
        auto slab = std::make_shared<const Slab>(SlabFromMessage(message, content.item.id, image));
        while (!stop.stop_requested() && !room_.try_acquire_for(milliseconds(50))) {
        }
        InQtThread([this, slab] {
          room_.release();
          Q_EMIT link_.SlabArrived(slab);
        });
      } catch (const std::exception& failure) {
        bad = AsError(failure);
        context.TryCancel();
      }
    }
    const grpc::Status status = reader->Finish();
    {
      std::lock_guard lock(mutex_);
      images_call_ = nullptr;
    }
    if (bad) throw *bad;
    ThrowUnlessOk(status, "the image did not arrive whole");
  }

  void Report(const Error& error) {
    const Trouble trouble{error.what(), error.next_step()};
    InQtThread([this, trouble] { Q_EMIT link_.Failed(trouble); });
  }

  SiteLink& link_;
  const ReaderFile reader_;
  const milliseconds first_word_;
  const std::unique_ptr<v1::Panel::Stub> stub_;
  std::counting_semaphore<kSlabsInFlight> room_{kSlabsInFlight};
  std::pair<std::int64_t, std::int64_t> listed_{-1, -1};  // first thread only
  std::string complete_;                                  // second thread only: the case whose voxels were all sent

  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool list_wish_ = false;
  std::optional<std::string> case_wish_;
  grpc::ClientContext* images_call_ = nullptr;  // the running image call, for cancelling
  std::string loading_;                         // its case

  std::stop_source stop_;
  std::jthread follow_, fetch_;  // last: joined first
};

SiteLink::SiteLink(ReaderFile reader, milliseconds first_word)
    : worker_(std::make_unique<Worker>(*this, std::move(reader), first_word)) {}
SiteLink::~SiteLink() = default;
void SiteLink::Start() { worker_->Start(); }
void SiteLink::OpenCase(const std::string& id) { worker_->WishCase(id); }

}  // namespace consilium
