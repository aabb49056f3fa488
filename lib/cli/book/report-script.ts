/**
 * The page's own script: plain JavaScript, run in the browser, where nothing else is loaded. It draws three canvases over
 * one time axis and the ladder at the chosen time. Times are whole nanoseconds: BigInt for the clock, and numbers only as
 * offsets from the first row, for drawing.
 */
export const BOOK_SCRIPT = String.raw`
'use strict';
(() => {
  const D = JSON.parse(document.getElementById('data').textContent);
  const $ = (id) => document.getElementById(id);
  const N = D.t.length, L = D.levels, LEFT = 62, RIGHT = 10;
  const last = D.t[N - 1], span = Math.max(last, 1);
  let chosen = D.chosen;

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const fixed = (v, d) => (v === null ? '\u2013' : v.toLocaleString('en-US', { minimumFractionDigits: d, maximumFractionDigits: d }));
  const whole = (v) => (v === null ? '\u2013' : v.toLocaleString('en-US', { maximumFractionDigits: 8 }));
  const clock = (offset, decimals) => {
    const ns = BigInt(D.base) + BigInt(Math.round(offset));
    const day = 86400000000000n;
    const of = ((ns % day) + day) % day;
    const two = (v) => String(v).padStart(2, '0');
    const s = of / 1000000000n;
    const fraction = decimals > 0 ? '.' + String(of % 1000000000n).padStart(9, '0').slice(0, decimals) : '';
    return two(s / 3600n) + ':' + two((s / 60n) % 60n) + ':' + two(s % 60n) + fraction;
  };
  const niceStep = (range, count) => {
    const raw = range / count, decade = 10 ** Math.floor(Math.log10(raw));
    return [1, 2, 2.5, 5, 10].map((m) => m * decade).find((m) => m >= raw);
  };
  const TIME_STEPS = [1, 2, 5].flatMap((m) => [0, 1, 2, 3, 4, 5, 6, 7, 8].map((e) => m * 10 ** e))
    .concat([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400].map((s) => s * 1e9))
    .sort((a, b) => a - b);

  /** The last frame at or before an offset. */
  const frameAt = (offset) => {
    let low = 0, high = N - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (D.t[middle] <= offset) low = middle; else high = middle - 1;
    }
    return low;
  };

  const canvasOf = (id) => {
    const canvas = $(id), ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const g = canvas.getContext('2d');
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
    return { g, width, height, x: (offset) => LEFT + (offset / span) * (width - LEFT - RIGHT) };
  };

  const timeAxis = ({ g, width, height, x }, bottom) => {
    const step = TIME_STEPS.find((each) => span / each <= Math.max(2, (width - LEFT) / 130)) || span;
    const decimals = step >= 1e9 ? 0 : step >= 1e6 ? 3 : step >= 1e3 ? 6 : 9;
    const first = Number(BigInt(D.base) % BigInt(step));
    g.textBaseline = 'top';
    for (let at = first === 0 ? 0 : step - first; at <= span; at += step) {
      const place = x(at);
      g.strokeStyle = css('--line');
      g.beginPath(); g.moveTo(place, 4); g.lineTo(place, height - bottom); g.stroke();
      const text = clock(at, decimals), half = g.measureText(text).width / 2;
      g.fillStyle = css('--soft');
      g.textAlign = 'center';
      if (place - half > 4 && place + half < width) g.fillText(text, place, height - bottom + 6);
    }
  };

  const valueAxis = ({ g, width }, low, high, y, digits) => {
    const step = niceStep(high - low, 5);
    g.textAlign = 'right'; g.textBaseline = 'middle';
    for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) {
      g.strokeStyle = css('--line');
      g.beginPath(); g.moveTo(LEFT, y(v)); g.lineTo(width - RIGHT, y(v)); g.stroke();
      g.fillStyle = css('--soft');
      g.fillText(fixed(Math.abs(v) < step * 1e-6 ? 0 : v, digits(step)), LEFT - 7, y(v));
    }
  };
  const digitsFor = (step) => Math.min(8, (String(Number(step.toPrecision(3))).split('.')[1] || '').length);

  const quantile = (values, share) => values[Math.min(values.length - 1, Math.floor(values.length * share))];
  const mid = (i) => (D.bp[i][0] === null || D.ap[i][0] === null ? null : (D.bp[i][0] + D.ap[i][0]) / 2);

  // ---- depth -------------------------------------------------------------------------------------------------------

  const prices = [], sizes = [];
  let tick = Infinity;
  for (let i = 0; i < N; i++) {
    for (const [p, q] of [[D.bp[i], D.bs[i]], [D.ap[i], D.as[i]]]) {
      for (let k = 0; k < L; k++) {
        if (p[k] === null) continue;
        prices.push(p[k]); sizes.push(q[k]);
        if (k > 0 && p[k - 1] !== null) { const gap = Math.round(Math.abs(p[k] - p[k - 1]) * 1e8) / 1e8; if (gap > 0) tick = Math.min(tick, gap); }
      }
    }
  }
  prices.sort((a, b) => a - b); sizes.sort((a, b) => a - b);
  if (!Number.isFinite(tick)) tick = 10 ** -D.digits;
  // Stray far levels would flatten everything else; what is cut off is still in the ladder.
  let low = quantile(prices, 0.004) - tick, high = quantile(prices, 0.996) + tick;
  for (let i = 0; i < N; i++) { const m = mid(i); if (m !== null) { low = Math.min(low, m - 2 * tick); high = Math.max(high, m + 2 * tick); } }
  // Half a tick beyond whole ticks, so that each price has a row of its own wherever the rows are tall enough.
  low = (Math.round(low / tick) - 0.5) * tick;
  high = (Math.round(high / tick) + 0.5) * tick;
  const faint = Math.log1p(quantile(sizes, 0.02) || 0);
  const strong = Math.max(Math.log1p(quantile(sizes, 0.995) || 1), faint + 0.5);

  const rgb = (name) => { const hex = css(name).slice(1); return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)); };

  function drawHeat() {
    const c = canvasOf('heat'), { g, width, height, x } = c, top = 6, bottom = 26;
    const plot = height - top - bottom, columns = Math.max(1, Math.floor(width - LEFT - RIGHT));
    const y = (price) => top + (1 - (price - low) / (high - low)) * plot;
    timeAxis(c, bottom);
    valueAxis(c, low, high, y, () => D.digits);
    const cells = Math.max(8, Math.min(Math.floor(plot / 2), Math.round((high - low) / tick)));
    const image = new ImageData(columns, cells), bid = rgb('--bid'), ask = rgb('--ask');
    const column = new Float64Array(cells), side = new Int8Array(cells);
    for (let px = 0; px < columns; px++) {
      // The state at the pixel's right edge: never one that came later.
      const i = frameAt(((px + 1) / columns) * span);
      column.fill(0);
      for (const [p, q, sign] of [[D.bp[i], D.bs[i], 1], [D.ap[i], D.as[i], -1]]) {
        for (let k = 0; k < L; k++) {
          if (p[k] === null || p[k] < low || p[k] > high) continue;
          const cell = Math.min(cells - 1, Math.max(0, Math.floor((1 - (p[k] - low) / (high - low)) * cells + 1e-6)));
          if (column[cell] > 0 && side[cell] !== sign) { if (q[k] <= column[cell]) continue; column[cell] = 0; }
          column[cell] += q[k]; side[cell] = sign;
        }
      }
      for (let cell = 0; cell < cells; cell++) {
        if (column[cell] === 0) continue;
        const to = (cell * columns + px) * 4, color = side[cell] > 0 ? bid : ask;
        image.data[to] = color[0]; image.data[to + 1] = color[1]; image.data[to + 2] = color[2];
        image.data[to + 3] = Math.round(255 * Math.min(1, 0.16 + 0.84 * Math.max(0, (Math.log1p(column[cell]) - faint) / (strong - faint)) ** 1.5));
      }
    }
    const buffer = document.createElement('canvas');
    buffer.width = columns; buffer.height = cells;
    buffer.getContext('2d').putImageData(image, 0, 0);
    g.imageSmoothingEnabled = false;
    g.drawImage(buffer, LEFT, top, width - LEFT - RIGHT, plot);
    // Mid price, held until the next frame.
    g.strokeStyle = css('--ink'); g.lineWidth = 1.2; g.lineJoin = 'round';
    g.beginPath();
    let pen = false, before = 0;
    for (let i = 0; i < N; i++) {
      const m = mid(i);
      if (m === null) { pen = false; continue; }
      if (pen) { g.lineTo(x(D.t[i]), before); g.lineTo(x(D.t[i]), y(m)); } else g.moveTo(x(D.t[i]), y(m));
      before = y(m); pen = true;
    }
    if (pen) g.lineTo(x(last), before);
    g.stroke();
    for (const mark of D.marks) {
      const [i, buys, price, volume] = mark;
      if (price < low || price > high) continue;
      const r = 2.6 + 3.6 * Math.sqrt(volume / D.largest), px = x(D.t[i]), py = y(price), s = buys ? 1 : -1;
      g.beginPath(); g.moveTo(px, py - r * s); g.lineTo(px + r, py + r * 0.8 * s); g.lineTo(px - r, py + r * 0.8 * s); g.closePath();
      g.fillStyle = css(buys ? '--up' : '--down'); g.fill();
      g.strokeStyle = css('--card'); g.lineWidth = 0.8; g.stroke();
    }
    g.lineWidth = 1;
  }

  // ---- lines -------------------------------------------------------------------------------------------------------

  function drawLine(id, value, ranges, fromZero, bounds) {
    const c = canvasOf(id), { g, width, height, x } = c, top = 8, bottom = 26;
    let [from, to] = bounds || [Infinity, -Infinity];
    if (!bounds) {
      const highs = ranges.filter((r) => r !== null).map((r) => r[1]).sort((a, b) => a - b);
      const lows = ranges.filter((r) => r !== null).map((r) => r[0]).sort((a, b) => a - b);
      if (highs.length === 0) return;
      from = fromZero ? Math.min(0, lows[0]) : lows[0];
      to = Math.max(quantile(highs, 0.995) * 1.08, from + tick);
    }
    const y = (v) => top + (1 - (Math.min(Math.max(v, from), to) - from) / (to - from)) * (height - top - bottom);
    timeAxis(c, bottom);
    valueAxis(c, from, to, y, bounds ? () => 1 : digitsFor);
    g.fillStyle = css('--bar2'); g.globalAlpha = 0.45;
    for (let i = 0; i < N; i++) {
      if (ranges[i] === null) continue;
      const x0 = x(D.t[i]), x1 = x(i + 1 < N ? D.t[i + 1] : last);
      g.fillRect(x0, y(ranges[i][1]), Math.max(0.6, x1 - x0), Math.max(0.8, y(ranges[i][0]) - y(ranges[i][1])));
    }
    g.globalAlpha = 1;
    g.strokeStyle = css('--bar'); g.lineWidth = 1.1; g.lineJoin = 'round';
    g.beginPath();
    let pen = false, before = 0;
    for (let i = 0; i < N; i++) {
      const v = value(i);
      if (v === null) { pen = false; continue; }
      if (pen) { g.lineTo(x(D.t[i]), before); g.lineTo(x(D.t[i]), y(v)); } else g.moveTo(x(D.t[i]), y(v));
      before = y(v); pen = true;
    }
    if (pen) g.lineTo(x(last), before);
    g.stroke();
    g.lineWidth = 1;
  }

  const spread = (i) => (D.bp[i][0] === null || D.ap[i][0] === null ? null : D.ap[i][0] - D.bp[i][0]);
  function drawAll() {
    drawHeat();
    drawLine('spread', spread, D.spread, true, null);
    drawLine('imbalance', (i) => D.imb[i], D.imbs, false, [-1, 1]);
    moveCursor();
  }

  // ---- the chosen time ---------------------------------------------------------------------------------------------

  function moveCursor() {
    for (const bar of document.querySelectorAll('.cursor')) {
      const width = bar.parentElement.clientWidth;
      bar.style.left = LEFT + (D.t[chosen] / span) * (width - LEFT - RIGHT) + 'px';
    }
  }

  function show(i) {
    chosen = Math.min(N - 1, Math.max(0, i));
    moveCursor();
    $('slider').value = String(chosen);
    $('slider').setAttribute('aria-valuetext', clock(D.t[chosen], 9));
    $('clock').textContent = clock(D.t[chosen], 9);
    const s = spread(chosen), m = mid(chosen);
    const facts = [
      ['mid', fixed(m, D.digits + 1)],
      ['spread', s === null ? '\u2013' : fixed(s, D.digits)],
      ['microprice', fixed(D.micro[chosen], D.digits + 2)],
      ['imbalance, ' + D.imbLevels + (D.imbLevels === 1 ? ' level' : ' levels'), D.imb[chosen] === null ? '\u2013' : fixed(D.imb[chosen], 3)],
    ];
    $('facts').innerHTML = facts.map(([name, value]) => '<dt>' + name + '</dt><dd>' + value + '</dd>').join('');
    let most = 1;
    for (const q of [D.bs[chosen], D.as[chosen]]) for (const v of q) if (v !== null) most = Math.max(most, v);
    const bar = (v) => '<b style="width:' + ((v / most) * 100).toFixed(1) + '%"></b><span>' + whole(v) + '</span>';
    const rows = [];
    for (let k = L - 1; k >= 0; k--) {
      const p = D.ap[chosen][k];
      rows.push(p === null ? '<tr><td></td><td class="price">\u2013</td><td></td></tr>'
        : '<tr><td></td><td class="price isask">' + fixed(p, D.digits) + '</td><td class="size ask">' + bar(D.as[chosen][k]) + '</td></tr>');
    }
    rows.push('<tr class="gap"><td colspan="3">' + (s === null ? 'one side is empty' : 'spread ' + fixed(s, D.digits)) + '</td></tr>');
    for (let k = 0; k < L; k++) {
      const p = D.bp[chosen][k];
      rows.push(p === null ? '<tr><td></td><td class="price">\u2013</td><td></td></tr>'
        : '<tr><td class="size bid">' + bar(D.bs[chosen][k]) + '</td><td class="price isbid">' + fixed(p, D.digits) + '</td><td></td></tr>');
    }
    $('ladder').innerHTML = rows.join('');
  }

  for (const chart of document.querySelectorAll('.chart')) {
    const pick = (event) => {
      const box = chart.getBoundingClientRect();
      show(frameAt(((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * span));
    };
    chart.addEventListener('pointerdown', (event) => { chart.setPointerCapture(event.pointerId); pick(event); });
    chart.addEventListener('pointermove', (event) => { if (event.buttons !== 0) pick(event); });
  }
  $('slider').addEventListener('input', (event) => show(Number(event.target.value)));
  window.addEventListener('resize', drawAll);
  window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
  drawAll();
  show(chosen);
  document.body.dataset.ready = 'yes';
})();
`;
