/** What the book's page adds to the style of the demo's report. */
export const BOOK_STYLE = `
:root{--bid:#2f6fde;--ask:#d9730d;--up:#0b7a53;--down:#b3205c}
@media (prefers-color-scheme:dark){:root{--bid:#5b98ff;--ask:#f5a04a;--up:#3ddc97;--down:#ff6b9f}}
main{max-width:1360px}
.board{display:grid;grid-template-columns:minmax(0,1fr) 370px;gap:14px;align-items:start}
.board .card{margin-bottom:14px}
.side{position:sticky;top:14px}
.chart{position:relative;touch-action:none;cursor:crosshair}
canvas{display:block;width:100%}
.heat{height:420px}.line{height:150px}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;color:var(--soft);font-size:12.5px;margin:10px 0 0}
.legend i{display:inline-block;vertical-align:middle;margin-right:6px}
.ramp{width:64px;height:10px;border-radius:2px}
.ramp.bid{background:linear-gradient(90deg,transparent,var(--bid));border:1px solid var(--line)}
.ramp.ask{background:linear-gradient(90deg,transparent,var(--ask));border:1px solid var(--line)}
.tri{width:0;height:0;border:5px solid transparent}
.tri.up{border-bottom:8px solid var(--up);border-top:0}.tri.down{border-top:8px solid var(--down);border-bottom:0}
.rule{width:18px;height:0;border-top:2px solid var(--ink)}
.band{width:18px;height:10px;background:var(--bar2);opacity:.45;border-radius:2px}
input[type=range]{width:100%;margin:6px 0 2px;accent-color:var(--bar)}
.clock{font-size:20px;font-weight:650;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.facts{display:grid;grid-template-columns:auto 1fr;gap:1px 14px;margin:10px 0 14px;font-size:13px;font-variant-numeric:tabular-nums}
.facts dt{color:var(--soft)}.facts dd{margin:0;text-align:right}
.ladder{table-layout:fixed}
.ladder th,.ladder td{padding:2px 0;border:0;height:23px}
.ladder .size{position:relative;width:37%;padding:2px 6px}
.ladder .size span{position:relative}
.ladder .size b{position:absolute;top:2px;bottom:2px;border-radius:2px;opacity:.3}
.ladder .bid{text-align:right}.ladder .bid b{right:0;background:var(--bid)}
.ladder .ask{text-align:left}.ladder .ask b{left:0;background:var(--ask)}
.ladder .price{text-align:center;width:26%}
.ladder td.price.isbid{color:var(--bid);font-weight:600}.ladder td.price.isask{color:var(--ask);font-weight:600}
.ladder tr.gap td{border-top:1px solid var(--line);border-bottom:1px solid var(--line);text-align:center;color:var(--soft);font-size:12px;height:22px}
.hint{color:var(--soft);font-size:12.5px}
@media (max-width:1020px){.board{grid-template-columns:1fr}.side{position:static}}
`;
