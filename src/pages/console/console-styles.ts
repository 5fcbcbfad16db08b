import { palette } from '../palette.ts'

/** The stylesheet of the console: dense, for people who read a lot of it; from 360 px to as wide as screens get. */
export const consoleStyles = `
${palette}
*,::before,::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);overflow-wrap:anywhere;
font:.9375rem/1.5 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
code,pre,kbd,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.8125rem}
a{color:var(--accent);text-underline-offset:.2em;text-decoration-thickness:1px}
a:hover{color:var(--press);text-decoration-thickness:2px}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:4px}
.unseen{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;z-index:2;background:var(--panel);padding:.5rem 1rem}
.bar{display:flex;flex-wrap:wrap;align-items:center;gap:.25rem 1.5rem;padding:.5rem clamp(1rem,3vw,2rem);background:var(--iron);
color:var(--on-iron)}
.bar a,.bar button{color:inherit}
.bar :focus-visible{outline-color:var(--on-iron)}
.home{display:flex;align-items:center;gap:.5rem;text-decoration:none;padding:.375rem 0}
.word{font-size:.875rem;font-weight:600;letter-spacing:.14em;text-transform:uppercase;line-height:1}
.mark{flex:none;display:block}
nav{flex:1 1 30rem;min-width:0}
nav ul{display:flex;flex-wrap:wrap;gap:0 .25rem;margin:0;padding:0;list-style:none}
nav a{display:block;padding:.5rem .625rem;text-decoration:none;border-bottom:3px solid transparent}
nav a:hover{border-color:var(--on-iron)}
nav a[aria-current]{border-color:currentColor;font-weight:600}
.who{display:flex;align-items:center;gap:.75rem;margin-left:auto}
.who small{opacity:.85}
.who button{background:none;border:1px solid;border-radius:6px;padding:.25rem .75rem;font:inherit;cursor:pointer;min-height:2rem}
.warning{margin:0;padding:.625rem clamp(1rem,3vw,2rem);background:var(--care-tint);color:var(--care);border-bottom:1px solid var(--care);
font-weight:600}
main{padding:1.25rem clamp(1rem,3vw,2rem) 4rem;max-width:120rem;margin:0 auto}
main:focus{outline:none}
main.narrow{max-width:32rem}
h1{margin:0 0 1rem;font-size:1.5rem;line-height:1.2;letter-spacing:-.014em}
h2{margin:1.75rem 0 .625rem;font-size:1.0625rem;line-height:1.3}
h3{margin:1.25rem 0 .5rem;font-size:.9375rem}
p{margin:.625rem 0;max-width:70ch}
.soft{color:var(--soft)}
.panel,.chart,.tiles>div{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem}
.panel+.panel,.panel+.scroll,.scroll+.panel{margin-top:1rem}
.panel>:first-child,.chart>:first-child{margin-top:0}
.panel>:last-child{margin-bottom:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:0 0 1rem}
.tiles>div{padding:.75rem 1rem}
.tiles dt{color:var(--soft);font-size:.8125rem}
.tiles dd{margin:.125rem 0 0;font-size:1.375rem;font-weight:650;line-height:1.2}
.tiles .alarm{border-color:var(--warn);background:var(--warn-tint)}
.tiles .alarm dd{color:var(--warn)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,30rem),1fr));gap:.75rem}
.chart{position:relative}
.chart h2{font-size:.9375rem;margin-right:5rem}
.chart svg{display:block;width:100%;height:7.5rem;overflow:visible}
.chart path{fill:none;stroke-width:2;vector-effect:non-scaling-stroke;stroke-linejoin:round;stroke-linecap:round}
.chart .grid{stroke:var(--line);stroke-width:1}
.chart .top{position:absolute;top:.875rem;right:1.25rem;margin:0;color:var(--soft);font-size:.8125rem}
.chart .axis{display:flex;justify-content:space-between;margin:.25rem 0 0;max-width:none;color:var(--soft);font-size:.8125rem}
.chart dl{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;margin:.625rem 0 0}
.chart dl div{display:flex;gap:.5rem}
.chart dt{color:var(--soft);padding-left:1.25rem;position:relative}
.chart dt::before{content:"";position:absolute;left:0;top:.625rem;width:.875rem;border-top:3px solid}
.chart dd{margin:0;font-weight:600}
svg .line-1{stroke:var(--accent)}svg .line-2{stroke:var(--care);stroke-dasharray:6 3}svg .line-3{stroke:var(--warn)}
svg .line-4{stroke:var(--edge)}
dt.line-1::before{border-color:var(--accent)}dt.line-2::before{border-color:var(--care);border-top-style:dashed}
dt.line-3::before{border-color:var(--warn)}dt.line-4::before{border-color:var(--edge)}
.scroll{position:relative;overflow-x:auto;background:var(--panel);border:1px solid var(--line);border-radius:10px}
table{border-collapse:collapse;width:100%}
caption{text-align:left;padding:.625rem 1rem;color:var(--soft)}
th,td{max-width:26rem;overflow-wrap:break-word;padding:.5rem 1rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
thead th{border-top:0;font-size:.8125rem;color:var(--soft);font-weight:600;white-space:nowrap}
td.number{font-variant-numeric:tabular-nums}
td time,td.short{white-space:nowrap}
tbody tr:hover{background:var(--well)}
.tag{display:inline-block;padding:0 .5rem;margin:.0625rem .125rem .0625rem 0;border-radius:99px;background:var(--tint);color:var(--accent);
font-size:.8125rem;font-weight:600;white-space:nowrap}
.tag.bad{background:var(--warn-tint);color:var(--warn)}
.tag.care{background:var(--care-tint);color:var(--care)}
.facts{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.375rem 1.25rem;margin:0}
.facts dt{color:var(--soft)}
.facts dd{margin:0}
.filters{display:flex;flex-wrap:wrap;align-items:end;gap:.75rem;margin:0 0 1rem}
.filters [name=request_id]{width:min(21rem,100vw - 2.5rem)}
.filters label,.stack>label,.stack legend,.stack>div>label{display:block;font-weight:600;font-size:.875rem}
input,select,textarea{font:inherit;color:inherit;background:var(--well);border:1.5px solid var(--edge);border-radius:8px;
padding:.375rem .625rem;min-height:2.5rem;max-width:100%}
input[type=checkbox],input[type=radio]{min-height:0;width:1.125rem;height:1.125rem;accent-color:var(--accent);vertical-align:-.1875rem;
margin:0 .5rem 0 0}
textarea{width:100%;min-height:5rem;font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.8125rem}
.stack{max-width:44rem}
.stack>label,.stack>fieldset{margin-top:1rem}
.stack>input[type=hidden]+label,.stack.panel>input[type=hidden]+fieldset{margin-top:0}
.stack input:not([type=checkbox]):not([type=radio]),.stack select,.stack textarea{width:100%;margin-top:.25rem}
.stack .hint{margin:.25rem 0 0;color:var(--soft);font-size:.875rem}
.stack [aria-invalid]{border-color:var(--warn)}
.flaw{color:var(--warn);font-weight:600;margin:.25rem 0 0}
legend{padding:0}
fieldset{border:0;margin:0;padding:0;min-width:0}
fieldset label{display:block;font-weight:400;padding:.375rem 0 .375rem 1.625rem}
fieldset label>input[type=checkbox],fieldset label>input[type=radio]{margin-left:-1.625rem}
fieldset label .soft{display:block;font-size:.875rem}
.caution{padding:.625rem 1rem;border-radius:8px;border:1px solid var(--care);border-left-width:5px;background:var(--care-tint);color:var(--care);max-width:none}
button,.button{display:inline-flex;align-items:center;justify-content:center;min-height:2.5rem;padding:.375rem 1rem;font:inherit;
font-weight:600;text-decoration:none;cursor:pointer;border:1.5px solid var(--edge);border-radius:8px;background:transparent;color:var(--ink)}
button:hover,.button:hover{border-color:var(--ink);color:var(--ink)}
button.primary,.button.primary{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
button.primary:hover,.button.primary:hover{background:var(--press);border-color:var(--press);color:var(--on-accent)}
button.danger{border-color:var(--warn);color:var(--warn)}
.stack>button{margin-top:1.25rem}
.actions{display:flex;flex-wrap:wrap;gap:.75rem;margin:1rem 0}
.problem,.done{margin:0 0 1rem;padding:.625rem 1rem;border-radius:8px;border:1px solid var(--warn);border-left-width:5px;
background:var(--warn-tint);color:var(--warn);font-weight:600;max-width:none}
.done{border-color:var(--accent);background:var(--tint);color:var(--accent)}
.secret{display:block;padding:.75rem 1rem;border-radius:8px;background:var(--care-tint);border:1px solid var(--care);user-select:all}
.pages{display:flex;gap:.75rem;margin:1rem 0}
pre{margin:.5rem 0;padding:.75rem 1rem;overflow-x:auto;background:var(--well);border:1px solid var(--line);border-radius:8px;
white-space:pre-wrap}
details{margin:.5rem 0}
.hops ol{list-style:none;margin:0;padding:0;counter-reset:hop}
.hops li{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:1rem 1.25rem;margin-top:1rem;counter-increment:hop}
.hops li>h3{margin:0}.hops li>h3::before{content:counter(hop) ". "}
.exchange{display:grid;gap:.75rem}
.pane{min-width:0;border:1px solid var(--line);border-radius:8px;background:var(--well);overflow:hidden}
.pane h3{margin:0;padding:.5rem .875rem;border-bottom:1px solid var(--line);font-size:.875rem}
.pane h3 span{margin-left:.375rem;font-weight:400;color:var(--soft)}
.pane pre{margin:0;border:0;border-radius:0;max-height:30rem;overflow:auto;line-height:1.6}
pre b.good{color:var(--accent)}pre b.bad{color:var(--warn)}pre i{font-style:normal;color:var(--soft)}
mark{background:var(--care-tint);color:var(--care);border-radius:3px;padding:0 .125rem;box-shadow:inset 0 -1px 0 var(--care)}
.pane .aside{margin:0;padding:.375rem .875rem;border-top:1px solid var(--line);font-size:.8125rem;color:var(--soft);max-width:none}
.hops+datalist+.panel{margin-top:1rem}
summary{cursor:pointer;font-weight:600;padding:.25rem 0}
.added{background:var(--tint)}.removed{background:var(--warn-tint)}
@media(max-width:40rem){th,td{padding:.5rem .75rem}.bar{gap:.25rem .75rem}nav{order:3;flex-basis:100%}nav ul{margin:0 -.625rem}
nav a{padding:.375rem .625rem}.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:.5rem}}
@media(min-width:70rem){.exchange{grid-template-columns:1fr 1fr}}
@media(min-width:160rem){body{font-size:1.125rem}}
@media(forced-colors:active){.tag,.panel,.chart{border:1px solid}svg .line-1,svg .line-2,svg .line-3,svg .line-4{stroke:CanvasText}}
`
