/** The report's style sheet: system fonts, two colour schemes, nothing loaded from anywhere. */
export const STYLE = `
:root{--bg:#f6f7f9;--card:#fff;--ink:#16202c;--soft:#5b6878;--line:#e3e7ec;--bar:#2f6fde;--bar2:#8fa9cc;--miss:#e9edf2;--warn:#d9730d;--code:#eef1f5;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--bg:#0e1318;--card:#161d25;--ink:#e7edf4;--soft:#93a1b1;--line:#27313c;--bar:#5b98ff;--bar2:#4d6688;--miss:#232c36;--warn:#f5a04a;--code:#1d2630}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1180px;margin:0 auto;padding:40px 24px 56px}
.brand{font-weight:700;letter-spacing:.02em;color:var(--bar)}
h1{font-size:30px;line-height:1.2;margin:6px 0 18px;letter-spacing:-.01em;text-wrap:balance}
h2{font-size:16px;margin:0}
.card p{margin:2px 0 14px;color:var(--soft);font-size:13.5px}
pre{font:13px/1.55 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
.command{background:var(--code);border-radius:8px;padding:12px 14px}
.command span{color:var(--soft);user-select:none}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:14px;margin:20px 0 14px}
.tile,.card{background:var(--card);border:1px solid var(--line);border-radius:10px}
.tile{padding:14px 16px}
.tile .label{color:var(--soft);font-size:13px}
.tile .big{font-size:28px;font-weight:650;line-height:1.25;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile .note{color:var(--soft);font-size:12.5px;line-height:1.35}
.card{padding:18px 20px;margin-bottom:14px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:0 14px}
svg{display:block;width:100%;height:auto;font:11px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;overflow:visible}
svg .grid{stroke:var(--line);stroke-width:1}
svg .bar{fill:var(--bar)}
svg .miss{fill:var(--miss)}
svg .area{fill:var(--bar)}
svg .area2{fill:var(--bar2)}
svg .missed{fill:var(--warn)}
svg .hover{fill:transparent}
svg .hover:hover{fill:var(--ink);fill-opacity:.08}
svg .marker{stroke:var(--ink);stroke-width:1;stroke-dasharray:3 3}
svg text{fill:var(--ink);font-variant-numeric:tabular-nums}
svg .tick{fill:var(--soft)}
svg .value{font-weight:600}
svg .low{fill:var(--warn)}
.key{display:inline-block;width:9px;height:9px;border-radius:2px;margin:0 2px 0 1px}
.missed-key{background:var(--warn)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:13px;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{text-align:left;padding:6px 14px;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:500}
th:first-child,td:first-child{padding-left:0}
th:last-child,td:last-child{padding-right:0}
tbody tr:last-child td{border-bottom:0}
.num{text-align:right}
td.null{color:var(--soft);font-style:italic}
.explain{background:var(--code);border-radius:8px;padding:14px 16px;overflow-x:auto;white-space:pre}
footer{color:var(--soft);font-size:12.5px;margin-top:18px}
@media (max-width:520px){.pair{grid-template-columns:1fr}h1{font-size:24px}main{padding:24px 14px}}
`;
