// The order book: include this. Books by purpose; every alias takes a listener, and has a short name without one.
#pragma once

#include "orderbook/book.h"
#include "orderbook/direct_index.h"
#include "orderbook/fifo_queue.h"
#include "orderbook/hashed_index.h"
#include "orderbook/id_index.h"
#include "orderbook/ladder_levels.h"
#include "orderbook/level_delta.h"
#include "orderbook/level_only.h"
#include "orderbook/recorder.h"
#include "orderbook/tree_levels.h"

namespace orderbook {

// FIFO, any ids, orders of up to 2^32 - 1. Matches, and replays feeds of orders.
template <EventListener Listener = NullListener>
using BasicOrderBook = BasicBook<FifoQueue<std::uint32_t>, HashedIndex, LadderLevels, Listener>;
using OrderBook = BasicOrderBook<>;

// The same with quantities of up to 2^64 - 1, in 24 bytes an order instead of 16: crypto units.
template <EventListener Listener = NullListener>
using BasicWideOrderBook = BasicBook<FifoQueue<std::uint64_t>, HashedIndex, LadderLevels, Listener>;
using WideOrderBook = BasicWideOrderBook<>;

// The same for ids counted up from a small number: one load instead of a hash look-up.
template <EventListener Listener = NullListener>
using BasicDenseOrderBook = BasicBook<FifoQueue<std::uint32_t>, DirectIndex, LadderLevels, Listener>;
using DenseOrderBook = BasicDenseOrderBook<>;

// For feeds of orders (ITCH, LOBSTER, DBN): level 3 with queue positions. It is an OrderBook; the name says the use.
template <EventListener Listener = NullListener>
using BasicReplayBook = BasicOrderBook<Listener>;
using ReplayBook = BasicReplayBook<>;

// Prices and sizes only, from feeds of orders or of levels (Binance).
template <EventListener Listener = NullListener>
using BasicLevelBook = BasicBook<LevelOnly<std::uint32_t>, HashedIndex, LadderLevels, Listener>;
using LevelBook = BasicLevelBook<>;

template <EventListener Listener = NullListener>
using BasicDenseLevelBook = BasicBook<LevelOnly<std::uint32_t>, DirectIndex, LadderLevels, Listener>;
using DenseLevelBook = BasicDenseLevelBook<>;

// Prices and sizes from events that name a side and a price and perhaps no order that is known.
template <EventListener Listener = NullListener>
using BasicPriceBook = BasicBook<LevelOnly<std::uint64_t>, NoIndex, LadderLevels, Listener>;
using PriceBook = BasicPriceBook<>;

template <EventListener Listener = NullListener>
using OrderBookArena = BookArena<FifoQueue<std::uint32_t>, HashedIndex, LadderLevels, Listener>;
template <EventListener Listener = NullListener>
using DenseOrderBookArena = BookArena<FifoQueue<std::uint32_t>, DirectIndex, LadderLevels, Listener>;
template <EventListener Listener = NullListener>
using LevelBookArena = BookArena<LevelOnly<std::uint32_t>, HashedIndex, LadderLevels, Listener>;
template <EventListener Listener = NullListener>
using DenseLevelBookArena = BookArena<LevelOnly<std::uint32_t>, DirectIndex, LadderLevels, Listener>;

}  // namespace orderbook
