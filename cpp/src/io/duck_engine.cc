// Loading libduckdb, opening instances, connecting: all of it on the thread that needs a connection first.
#include <string>
#include <utility>

#include "flowstate/error.h"
#include "flowstate/io/scan.h"
#include "io/sink.h"

namespace flowstate::io {

DuckEngine::~DuckEngine() {
  for (auto& [threads, database] : databases_) {
    if (database != nullptr) api_.close(&database);
  }
}

duck::Database& DuckEngine::database(int threads) {
  if (!loaded_) {
    api_ = duck::load(library_path_);
    loaded_ = true;
  }
  return databases_[threads];
}

duck::Connection DuckEngine::connect(int threads) {
  const std::lock_guard lock(mutex_);
  duck::Database& database = this->database(threads);
  const bool fresh = database == nullptr;
  if (fresh) {
    duck::Config config = nullptr;
    api_.create_config(&config);
    if (threads > 0) api_.set_config(config, "threads", std::to_string(threads).c_str());
    char* reason = nullptr;
    const duck::State state = api_.open_ext(":memory:", &database, config, &reason);
    api_.destroy_config(&config);
    const std::string text = reason == nullptr ? "" : reason;
    if (reason != nullptr) api_.free(reason);
    if (state != 0) throw Error(ErrorCode::INTERNAL, "libduckdb cannot open an instance: " + text);
  }
  duck::Connection connection = nullptr;
  if (api_.connect(database, &connection) != 0)
    throw Error(ErrorCode::INTERNAL, "libduckdb refused a connection");
  if (fresh) {
    register_sink(api_, connection);
    duck::Result result{};
    api_.query(connection, "SET GLOBAL TimeZone = 'UTC'", &result);
    api_.destroy_result(&result);
  }
  return connection;
}

ScanConnection::~ScanConnection() {
  duck::Connection connection = connection_.load();
  if (connection != nullptr) api().disconnect(&connection);
}

void ScanConnection::open() {
  check();
  if (connection_.load() != nullptr) return;
  connection_.store(engine_->connect(threads_));
  // An interrupt that came before the connection was known has left its mark only.
  check();
}

void ScanConnection::interrupt() noexcept {
  interrupted_.store(true);
  duck::Connection connection = connection_.load();
  if (connection != nullptr) api().interrupt(connection);
}

void ScanConnection::check() const {
  if (interrupted_.load()) throw Error(ErrorCode::ABORTED, "the scan was aborted by its signal");
}

}  // namespace flowstate::io
