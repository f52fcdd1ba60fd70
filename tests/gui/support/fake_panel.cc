// SPDX-FileCopyrightText: The Consilium authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/gui/support/fake_panel.h"

#include <grpcpp/server_builder.h>

#include <condition_variable>
#include <mutex>

#include "core/base/certificate.h"
#include "core/base/clock.h"
#include "proto/codec.h"
#include "proto/panel.grpc.pb.h"
#include "proto/tls.h"

namespace consilium {
namespace {

struct Authority {
  PrivateKey key = PrivateKey::Generate();
  WallTime since = SystemClock().Wall() - std::chrono::minutes(5);
  Certificate certificate = MakeAuthority(key, "test authority", 1, since);

  TlsIdentity Make(CertificateKind kind, std::string_view name) const {
    const PrivateKey own = PrivateKey::Generate();
    const Certificate issued = Issue(certificate, key, {own.public_key(), std::string(name), kind, 2, since});
    return {issued.ToPem(), own.ToPem()};
  }
};

ReaderFile FileOf(const Authority& trusted, const Authority& issuer, const std::string& address) {
  const TlsIdentity identity = issuer.Make(CertificateKind::kReader, "dr-lee");
  return {address, "north", "dr-lee", trusted.certificate.ToPem(), identity.certificate_pem, identity.key_pem};
}

}  // namespace

struct FakePanel::Impl : v1::Panel::Service {
  explicit Impl(SyntheticCase one) : patient(std::move(one)) {
    grpc::ServerBuilder builder;
    int port = 0;
    TlsIdentity identity = authority.Make(CertificateKind::kServer, kPanelServerName);
    identity.certificate_pem += authority.certificate.ToPem();
    builder.AddListeningPort("127.0.0.1:0", MutualServerCredentials(identity, authority.certificate.ToPem()), &port);
    builder.RegisterService(this);
    server = builder.BuildAndStart();
    address = "127.0.0.1:" + std::to_string(port);
  }

  v1::CaseSummary Summary() {
    v1::CaseSummary summary;
    summary.set_id(patient.id);
    summary.set_patient("Phantom, Paula");
    summary.set_study_date("20260302");
    summary.set_role("validation");
    summary.set_has_reference(true);
    summary.set_dice(-1);
    if (!predicted) return summary;
    summary.set_model(std::string(64, 'a'));
    summary.set_lesions(2);
    double volume_ml = 0;
    for (const Lesion& lesion : patient.prediction.lesions) volume_ml += lesion.volume_ml;
    summary.set_volume_ml(volume_ml);
    summary.set_dice(0.61);
    return summary;
  }

  grpc::Status Watch(grpc::ServerContext* context, const v1::PanelWatchRequest*,
                     grpc::ServerWriter<v1::PanelState>* writer) override {
    std::unique_lock lock(mutex);
    const int my_cut = cuts;
    int seen = -1;
    while (!stopping && cuts == my_cut && !context->IsCancelled()) {
      if (removed) return Removed();
      if (seen != revision && !mute) {
        seen = revision;
        const v1::PanelState now = state;
        lock.unlock();
        const bool alive = writer->Write(now);
        lock.lock();
        if (!alive) break;
      }
      changed.wait_for(lock, std::chrono::milliseconds(20));
    }
    return cuts == my_cut ? grpc::Status::OK : grpc::Status(grpc::StatusCode::UNAVAILABLE, "the line was cut");
  }

  static grpc::Status Removed() {
    return {grpc::StatusCode::PERMISSION_DENIED, "this reader was removed", "Ask the hospital's IT for a new one."};
  }

  grpc::Status ListCases(grpc::ServerContext*, const v1::ListCasesRequest*, v1::ListCasesReply* reply) override {
    std::lock_guard lock(mutex);
    if (removed) return Removed();
    *reply->add_cases() = Summary();
    return grpc::Status::OK;
  }

  grpc::Status GetCase(grpc::ServerContext*, const v1::CaseRequest* request, v1::CaseReply* reply) override {
    std::lock_guard lock(mutex);
    if (request->id() != patient.id) return {grpc::StatusCode::NOT_FOUND, "there is no such case", "List the cases."};
    *reply->mutable_summary() = Summary();
    for (const Volume* volume : {&patient.pet, &patient.ct}) {
      v1::ImageInfo* image = reply->add_images();
      image->set_modality(volume->modality == Modality::kPet ? "PT" : "CT");
      *image->mutable_grid() = ToMessage(volume->geometry);
      for (const float slope : volume->slope) image->add_slope(slope);
      for (const float intercept : volume->intercept) image->add_intercept(intercept);
    }
    *reply->mutable_reference() = ToMessage(patient.reference);
    if (!predicted) return grpc::Status::OK;
    v1::PredictionMessage* prediction = reply->mutable_prediction();
    prediction->set_model(std::string(64, 'a'));
    prediction->set_version(4);
    *prediction->mutable_labels() = ToMessage(patient.prediction.labels);
    for (const Lesion& lesion : patient.prediction.lesions) *prediction->add_lesions() = ToMessage(lesion);
    prediction->set_dice(0.61);
    return grpc::Status::OK;
  }

  // One slice a slab, from the asked one outwards.
  grpc::Status GetImage(grpc::ServerContext* context, const v1::ImageRequest* request,
                        grpc::ServerWriter<v1::ImageSlab>* writer) override {
    const Volume& volume = request->modality() == "PT" ? patient.pet : patient.ct;
    const std::int64_t count = volume.geometry.size.z, area = volume.geometry.size.x * volume.geometry.size.y;
    for (std::int64_t step = 0; step < 2 * count; ++step) {
      const std::int64_t slice = request->first_slice() + (step % 2 == 0 ? -step / 2 : (step + 1) / 2);
      if (slice < 0 || slice >= count) continue;
      {
        std::unique_lock lock(mutex);
        while (!stopping && !context->IsCancelled() && held_after >= 0 && std::ssize(sent) >= held_after)
          changed.wait_for(lock, std::chrono::milliseconds(20));
        if (stopping || context->IsCancelled()) return grpc::Status::CANCELLED;
        sent.push_back(slice);
      }
      v1::ImageSlab slab;
      slab.set_slice(slice);
      slab.set_slices(1);
      slab.set_voxels(volume.voxels.data() + slice * area, static_cast<std::size_t>(area) * sizeof(std::int16_t));
      if (!writer->Write(slab)) return grpc::Status::CANCELLED;
    }
    return grpc::Status::OK;
  }

  Authority authority, foreign;
  SyntheticCase patient;
  std::string address;
  std::mutex mutex;
  std::condition_variable changed;
  v1::PanelState state = ExampleState(0, 10);
  int revision = 0, cuts = 0;
  bool predicted = true, stopping = false, removed = false, mute = false;
  std::int64_t held_after = -1;
  std::vector<std::int64_t> sent;
  std::unique_ptr<grpc::Server> server;
};

FakePanel::FakePanel(SyntheticCase patient) : impl_(std::make_unique<Impl>(std::move(patient))) {}

FakePanel::~FakePanel() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  impl_->server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
}

ReaderFile FakePanel::Reader() const { return FileOf(impl_->authority, impl_->authority, impl_->address); }
ReaderFile FakePanel::ForeignReader() const { return FileOf(impl_->authority, impl_->foreign, impl_->address); }

void FakePanel::Push(const v1::PanelState& state) {
  std::lock_guard lock(impl_->mutex);
  impl_->state = state;
  ++impl_->revision;
  impl_->changed.notify_all();
}

void FakePanel::SetPrediction(bool there) {
  std::lock_guard lock(impl_->mutex);
  impl_->predicted = there;
}

void FakePanel::HoldImagesAfter(std::int64_t slabs) {
  std::lock_guard lock(impl_->mutex);
  impl_->held_after = slabs;
}

void FakePanel::Release() {
  HoldImagesAfter(-1);
  impl_->changed.notify_all();
}

std::vector<std::int64_t> FakePanel::SentSlices() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->sent;
}

void FakePanel::RemoveReader() {
  std::lock_guard lock(impl_->mutex);
  impl_->removed = true;
  impl_->changed.notify_all();
}

void FakePanel::SetMute(bool mute) {
  std::lock_guard lock(impl_->mutex);
  impl_->mute = mute;
  impl_->changed.notify_all();
}

void FakePanel::CutLines() {
  std::lock_guard lock(impl_->mutex);
  ++impl_->cuts;
  impl_->changed.notify_all();
}

v1::PanelState ExampleState(int done, int rounds) {
  v1::PanelState state;
  state.set_site("north");
  state.set_hub_connected(true);
  state.set_cases(1);
  state.set_activity(done < rounds ? "training round " + std::to_string(done + 1) + " (41 %)" : "");
  v1::FederationState& federation = *state.mutable_federation();
  federation.set_federation("Sarcoma Network");
  v1::RunView& run = *federation.mutable_run();
  run.set_run("run-1");
  run.set_name("sarcoma");
  run.set_phase(done < rounds ? "training" : "done");
  run.set_round(std::min(done + 1, rounds));
  run.set_rounds(rounds);
  run.set_model(std::string(32, '\x5f'));
  run.set_updates_asked(3);
  run.set_updates_in(1);
  run.set_bytes_up(static_cast<std::uint64_t>(1'300'000 * done));
  run.set_bytes_down(static_cast<std::uint64_t>(1'300'000 * done + 3'900'000));
  const auto dice_at = [](int model) { return 0.82 * (1 - 1 / (1 + 0.5 * model)) + 0.03; };
  static const char* const kNames[] = {"north", "coast", "valley"};
  const auto add_results = [&](auto* results, int model) {
    for (int site = 0; site < 3; ++site) {
      v1::SiteResult* result = results->Add();
      result->set_site(kNames[site]);
      result->set_cases(2);
      result->set_dice(dice_at(model) + 0.04 * (site - 1) * (model % 3 == 0 ? 0.4 : 1));
    }
  };
  for (int round = 1; round <= done; ++round) {
    v1::RoundView* view = run.add_history();
    view->set_round(round);
    view->set_dice(dice_at(round - 1));
    view->set_seconds(14);
    add_results(view->mutable_results(), round - 1);
  }
  if (done == rounds) {
    run.set_final_dice(dice_at(rounds));
    add_results(run.mutable_final_results(), rounds);
  }
  static const char* const kProgress[] = {"training", "accepted", "training"};
  for (int site = 0; site < 3; ++site) {
    v1::SiteView* view = federation.add_sites();
    view->set_site(kNames[site]);
    view->set_state("connected");
    view->set_progress(kProgress[site]);
    view->set_fraction(site == 0 ? 0.41 : 0.78);
    view->set_training_patients(7 + site);
    view->set_validation_patients(2);
    view->set_dice(done == 0 ? -1 : dice_at(done) + 0.04 * (site - 1));
  }
  return state;
}

}  // namespace consilium
