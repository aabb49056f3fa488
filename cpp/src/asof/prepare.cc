// Everything before the first match: see stream_state.h.
#include <cstring>

#include "column_check.h"
#include "flowstate/asof/matcher.h"
#include "grouped.h"
#include "known.h"
#include "order.h"
#include "probe.h"
#include "stream_state.h"

namespace flowstate::asof {
namespace {

constexpr std::int64_t kMaxRows = (std::int64_t{1} << 31) - 2;

void demand_rows(const Column& column, std::int64_t rows) {
  if (column.rows() != rows) {
    throw Error(
        ErrorCode::LENGTH,
        column.name + " has " + std::to_string(column.rows()) + " rows, expected " + std::to_string(rows),
        {{"rows", column.rows()}, {"expected", rows}});
  }
}

void demand_range(const char* side, std::int64_t rows) {
  if (rows < 0 || rows > kMaxRows) {
    throw Error(ErrorCode::ARG_RANGE,
                std::string(side) + " has " + std::to_string(rows) + " rows; a side can have at most " +
                    std::to_string(kMaxRows),
                {{"rows", rows}});
  }
}

// Shapes at once, row checks of all columns spread over the threads.
class Checker {
 public:
  // `later`: whoever reads the rows makes their checks.
  void add(const Column& column, std::int64_t rows, bool later = false) {
    for (const Column* seen : columns_) {
      if (seen == &column) return;
    }
    columns_.push_back(&column);
    check_column_shape(column);
    demand_rows(column, rows);
    if (later || !has_row_checks(column)) return;
    for (const Piece& piece : pieces_of(column)) pieces_.push_back({&column, piece});
  }

  void run(const Context& context) const {
    context.tasks(static_cast<std::int64_t>(pieces_.size()), [&](std::int64_t task, int) {
      const auto& [column, piece] = pieces_[static_cast<std::size_t>(task)];
      check_chunk_rows(*column, *piece.chunk, piece.row - piece.begin, piece.begin,
                       piece.begin + piece.count);
    });
  }

 private:
  std::vector<const Column*> columns_;
  std::vector<std::pair<const Column*, Piece>> pieces_;
};

void check_request(const Context& context, const JoinRequest& request) {
  Checker checker;
  demand_range("the left side", request.left_rows);
  for (const Side& side : request.left_sides) {
    checker.add(side.time.column, request.left_rows);
    for (const KeyColumn& key : side.keys) checker.add(key.column, request.left_rows, context.trusting);
  }
  for (const Column& column : request.left_payload) checker.add(column, request.left_rows);
  for (const StreamRequest& stream : request.streams) {
    if (stream.left_side < 0 || static_cast<std::size_t>(stream.left_side) >= request.left_sides.size()) {
      throw Error(ErrorCode::ARG_RANGE, "a stream names a left side that does not exist");
    }
    const Side& left = request.left_sides[static_cast<std::size_t>(stream.left_side)];
    if (left.keys.size() != stream.right.keys.size()) {
      throw Error(ErrorCode::SCHEMA, "the two sides of a stream differ in their number of keys");
    }
    const std::int64_t rows = stream.right.time.column.rows();
    demand_range("a right side", rows);
    checker.add(stream.right.time.column, rows);
    for (const KeyColumn& key : stream.right.keys) checker.add(key.column, rows, context.trusting);
    if (stream.known_at) checker.add(stream.known_at->column, rows);
    for (const Column& column : stream.payload) {
      if (column.type == ColumnType::kDictionary) {
        throw Error(ErrorCode::SCHEMA, column.name + ": dictionaries cannot be gathered, only their indices");
      }
      checker.add(column, rows);
    }
  }
  for (const Column& column : request.left_payload) {
    if (column.type == ColumnType::kDictionary) {
      throw Error(ErrorCode::SCHEMA, column.name + ": dictionaries cannot be gathered, only their indices");
    }
  }
  checker.run(context);
}

void read_all_times(const Context& context, const JoinRequest& request, LeftSides& sides,
                    StreamState& stream) {
  const StreamRequest& req = *stream.request;
  const TimeColumn& left = request.left_sides[static_cast<std::size_t>(req.left_side)].time;
  std::vector<const TimeColumn*> columns{&left, &req.right.time};
  if (req.known_at) columns.push_back(&*req.known_at);
  const TimeKind kind = time_kind(columns);
  std::optional<Times>& slot =
      sides.entries[static_cast<std::size_t>(req.left_side)].times[static_cast<std::size_t>(kind)];
  if (!slot) slot = read_times(context, left, kind, context.trusting);
  stream.left = &*slot;
  stream.right_time = read_times(context, req.right.time, kind);
  if (req.known_at) stream.known = read_times(context, *req.known_at, kind);
  stream.right_rows = stream.right_time.count;
}

void kill_rows(const std::vector<std::uint8_t>& dead, std::int32_t code, std::int32_t* codes) {
  for (std::size_t i = 0; i < dead.size(); ++i) {
    if (dead[i] != 0) codes[i] = code;
  }
}

void code_keyed(const Context& context, const JoinRequest& request, LeftSides& sides,
                std::vector<std::unique_ptr<StreamState>>& streams) {
  for (std::size_t s = 0; s < request.left_sides.size(); ++s) {
    const Side& side = request.left_sides[s];
    if (side.keys.empty()) continue;
    for (const bool null_equal : {false, true}) {
      std::vector<StreamState*> members;
      std::vector<const std::vector<KeyColumn>*> rights;
      std::vector<std::int64_t> rows;
      for (const auto& stream : streams) {
        const StreamRequest& req = *stream->request;
        if (static_cast<std::size_t>(req.left_side) != s || req.null_keys_equal != null_equal) continue;
        members.push_back(stream.get());
        rights.push_back(&req.right.keys);
        rows.push_back(stream->right_rows);
      }
      if (members.empty()) continue;
      KeyCodes& codes = sides.entries[s].keys[null_equal ? 1 : 0].emplace(
          encode_keys(context, side.keys, request.left_rows, rights, rows, null_equal));
      codes.left.kill(members[0]->left->dead);
      for (std::size_t i = 0; i < members.size(); ++i) {
        StreamState& stream = *members[i];
        stream.right_code_owned = std::move(codes.right[i]);
        kill_rows(stream.right_time.dead, kDeadRight, stream.right_code_owned.as<std::int32_t>());
        stream.right_code = stream.right_code_owned.as<std::int32_t>();
        stream.left_codes = &codes.left;
        stream.groups = codes.groups;
      }
    }
  }
}

Buffer plain_codes(const std::vector<std::uint8_t>& dead, std::int64_t rows, std::int32_t dead_code) {
  Buffer codes = code_buffer(rows);
  std::fill_n(codes.as<std::int32_t>(), rows, kFirstKey);
  kill_rows(dead, dead_code, codes.as<std::int32_t>());
  return codes;
}

bool has_lag(const StreamState& stream) {
  return stream.right_time.kind == TimeKind::kFloat ? stream.request->lag_float > 0 : stream.request->lag > 0;
}

// Without keys codes are needed only to mark rows that match nothing.
void code_keyless(LeftSides& sides, StreamState& stream, bool visibility) {
  const StreamRequest& req = *stream.request;
  if (!req.right.keys.empty()) return;
  if (stream.left->dead.empty() && stream.right_time.dead.empty() && !visibility) return;
  std::optional<LeftCodes>& left = sides.entries[static_cast<std::size_t>(req.left_side)].plain;
  if (!left) left.emplace(plain_codes(stream.left->dead, stream.left->count, kDeadLeft));
  stream.left_codes = &*left;
  stream.right_code_owned = plain_codes(stream.right_time.dead, stream.right_rows, kDeadRight);
  stream.right_code = stream.right_code_owned.as<std::int32_t>();
}

void demand_orders(const Context& context, const JoinRequest& request, const StreamState& stream) {
  const StreamRequest& req = *stream.request;
  if (req.unsorted != Unsorted::kError) return;
  const bool keyed = !req.right.keys.empty();
  const auto demand = [&](const Times& times, const std::vector<KeyColumn>& keys, int side) {
    if (times.ascending) return;
    if (!keyed) return demand_order(times, nullptr, 0, false, side);
    const KeyCodes codes = encode_side(context, keys, times.count, req.null_keys_equal);
    demand_order(times, codes.right[0].as<std::int32_t>(), codes.groups, true, side);
  };
  demand(*stream.left, request.left_sides[static_cast<std::size_t>(req.left_side)].keys, 0);
  demand(stream.right_time, req.right.keys, 1);
}

// For plans that do not read the left in the pass, which would notice.
void settle_left(const Context& context, Times& left) {
  if (left.settled) return;
  settle_order(context, left);
  if (!left.ascending) throw Doubt();
}

void describe(StreamState& stream, const PlanFacts& facts, const PlanChoice& plan) {
  stream.explain.plan = plan_name(plan.plan);
  stream.explain.reason = plan.reason;
  stream.explain.statistics = {{"left_rows", facts.left_rows},
                               {"right_rows", facts.right_rows},
                               {"left_ascends", facts.left_ascends ? 1 : 0},
                               {"right_ascends", facts.right_ascends ? 1 : 0},
                               {"key_codes", facts.keyed ? facts.groups - kFirstKey : 0}};
}

// Makes the right ready for `plan`, and fills `match` unless the plan goes along with the pass over the left.
void order_and_match(const Context& context, StreamState& stream, SequenceNeeds needs, const std::int64_t* t,
                     const std::int32_t* code, bool ascends_in_time) {
  const bool last_of_ties = stream.request->ties != Ties::kFirst;
  const std::int64_t n = stream.left->count;
  const auto* ahead = stream.forward_rows.as<std::int32_t>();
  const auto left_code = [&] {
    return stream.left_codes == nullptr ? nullptr : stream.left_codes->all(context);
  };
  const auto keep_match = [&] { stream.match = Buffer(static_cast<std::size_t>(n) * 4); };
  const auto prepared = [&](Ordered order) {
    return prepare_right(context, std::move(order), stream.groups, stream.right_time.t, last_of_ties, needs);
  };
  if (stream.plan == PlanKind::kGrouped) {
    stream.right = prepared(order_by_group(context, t, code, stream.right_rows, stream.groups));
    const Ordered left = order_by_group(context, stream.left->t, left_code(), n, stream.groups);
    keep_match();
    match_grouped(context, left, stream.right, stream.choice, stream.strict, ahead,
                  stream.match.as<std::int32_t>(), stream.tally);
    return;
  }
  stream.right = prepared(ascends_in_time && stream.request->plan != PlanKind::kSort
                              ? as_is(t, code, stream.right_rows)
                              : order_by_time(context, t, code, stream.right_rows));
  if (stream.plan == PlanKind::kProbe) {
    keep_match();
    const std::int64_t budget = std::max<std::int64_t>(1 << 16, 4 * (stream.right_rows + n));
    if (match_probe(context, stream.left->t, left_code(), n, stream.right, stream.choice, stream.strict,
                    ahead, budget, stream.match.as<std::int32_t>(), stream.tally)) {
      return;
    }
    stream.tally = Tally{};
    stream.plan = stream.left->ascending ? PlanKind::kMerge : PlanKind::kSort;
    stream.explain.reason += "; walking back to the keys took more than " + std::to_string(budget) +
                             " steps, so the rows are merged instead";
    stream.explain.plan = plan_name(stream.plan);
  }
  if (stream.left->ascending && stream.request->plan != PlanKind::kSort) {
    stream.streamed = true;
    return;
  }
  const Ordered left = order_by_time(context, stream.left->t, left_code(), n);
  keep_match();
  match_ordered(context, left, stream.right, stream.choice, stream.strict, ahead,
                stream.match.as<std::int32_t>(), stream.tally);
}

// The matches by someone else; `visibility`: some right rows are seen later than at their own time.
void match_elsewhere(const Context& context, Matcher& matcher, StreamState& stream, bool visibility,
                     bool explain) {
  const StreamRequest& req = *stream.request;
  Times& left = *stream.left;
  settle_left(context, left);
  if (visibility) {
    stream.visible = visible_times(stream.right_time, stream.known ? &*stream.known : nullptr, req,
                                   stream.right_code, Fold::kNothing);
  }
  const std::int32_t* left_code = stream.left_codes == nullptr ? nullptr : stream.left_codes->all(context);
  const std::int32_t* right_code = visibility ? stream.visible.code : stream.right_code;
  stream.match = Buffer(static_cast<std::size_t>(left.count) * 4);
  const Matcher::Counts counts =
      matcher.match({{left.t, left_code, left.count, left.ascending},
                     {stream.right_time.t, right_code, stream.right_rows, stream.right_time.ascending},
                     visibility ? stream.visible.t : nullptr,
                     stream.groups,
                     left.kind == TimeKind::kFloat,
                     &req,
                     &context.cancel.cancelled,
                     explain},
                    stream.match.as<std::int32_t>(), stream.explain);
  stream.tally = {counts.matched, counts.too_far};
}

void prepare_stream(const Context& context, StreamState& stream, Matcher* matcher, bool explain) {
  const StreamRequest& req = *stream.request;
  const Times& left = *stream.left;
  const std::int64_t n = left.count;
  const bool visibility = has_lag(stream) || stream.known;
  stream.choice = {req.direction,
                   req.allow_exact,
                   req.nearest_tie == NearestTie::kLater,
                   req.has_tolerance,
                   static_cast<std::uint64_t>(req.tolerance),
                   req.tolerance_float,
                   left.kind,
                   stream.right_time.t};
  if (matcher != nullptr) return match_elsewhere(context, *matcher, stream, visibility, explain);
  SequenceNeeds needs;
  bool folded = false;
  if (visibility) {
    const Times* known = stream.known ? &*stream.known : nullptr;
    if (req.direction != Direction::kBackward && (known != nullptr || req.direction == Direction::kForward)) {
      const Visibility seen = visible_times(stream.right_time, known, req, stream.right_code, Fold::kNothing);
      stream.forward_rows = Buffer(static_cast<std::size_t>(n) * 4);
      const bool strict = req.direction == Direction::kNearest || !req.allow_exact;
      settle_left(context, *stream.left);
      const auto* left_code = stream.left_codes == nullptr ? nullptr : stream.left_codes->all(context);
      forward_known(context, left.t, left_code, n, left.ascending, stream.right_time.t, seen,
                    stream.right_rows, stream.groups, strict, req.ties == Ties::kLast,
                    stream.forward_rows.as<std::int32_t>());
    } else if (req.direction == Direction::kNearest) {
      stream.choice.direction = Direction::kBackward;  // a lag leaves no row after t visible
    }
    folded = !req.allow_exact && req.direction != Direction::kForward;
    stream.visible = visible_times(stream.right_time, known, req, stream.right_code,
                                   folded ? Fold::kTimePlusOne : Fold::kTime);
    needs.best = req.direction != Direction::kForward;
  } else {
    needs.best = req.ties == Ties::kFirst && req.direction != Direction::kForward;
    needs.chain = req.direction != Direction::kBackward;
    needs.forward = needs.chain && req.ties == Ties::kLast;
    needs.later = req.direction == Direction::kNearest && !req.allow_exact;
  }
  const std::int64_t* t = visibility ? stream.visible.t : stream.right_time.t;
  const std::int32_t* code = visibility ? stream.visible.code : stream.right_code;
  const bool right_ascends = visibility ? stream.visible.ascending : stream.right_time.ascending;
  stream.strict = strict_question(stream.choice, folded);

  PlanFacts facts;
  facts.left_rows = n;
  facts.right_rows = stream.right_rows;
  facts.groups = stream.groups;
  facts.keyed = code != nullptr;
  facts.left_ascends = left.ascending;
  facts.right_ascends = right_ascends;
  facts.forced = req.plan;
  const PlanChoice plan = choose_plan(facts);
  if (plan.plan != PlanKind::kMerge) settle_left(context, *stream.left);
  stream.plan = plan.plan;
  describe(stream, facts, plan);
  order_and_match(context, stream, needs, t, code, right_ascends);
}

}  // namespace

void prepare(const Context& context, const JoinRequest& request, LeftSides& sides,
             std::vector<std::unique_ptr<StreamState>>& streams, PhaseClock& clock) {
  check_request(context, request);
  clock.end("check", 0);
  sides.entries.resize(request.left_sides.size());
  std::int64_t right_rows = 0;
  for (const StreamRequest& req : request.streams) {
    streams.push_back(std::make_unique<StreamState>());
    streams.back()->request = &req;
    read_all_times(context, request, sides, *streams.back());
    right_rows += streams.back()->right_rows;
  }
  clock.end("times", 8 * (request.left_rows + right_rows));
  code_keyed(context, request, sides, streams);
  for (const auto& stream : streams) code_keyless(sides, *stream, has_lag(*stream) || stream->known);
  clock.end("keys", 8 * (request.left_rows + right_rows));
  for (const auto& stream : streams) demand_orders(context, request, *stream);
  if (request.matcher != nullptr) request.matcher->begin();
  for (const auto& stream : streams) {
    prepare_stream(context, *stream, request.matcher, request.explain);
  }
  clock.end("order", 12 * right_rows);
}

}  // namespace flowstate::asof
