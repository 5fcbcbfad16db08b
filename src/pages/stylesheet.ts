import { demoStyles } from './demo-styles.ts'
import { palette } from './palette.ts'

/** Type and the parts that every page has. */
const pageStyles = `
${palette}
*,::before,::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100svh;display:flex;flex-direction:column;background:var(--ground);
color:var(--ink);font:1rem/1.55 -apple-system,BlinkMacSystemFont,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
overflow-wrap:anywhere}
code,pre,kbd{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:.8125rem}
.panel{position:relative;width:100%;max-width:30rem;margin:auto;background:var(--panel);overflow:hidden}
.lintel{display:flex;align-items:center;gap:.625rem;padding:.875rem clamp(1.25rem,6vw,2.5rem);
background:var(--iron);color:var(--on-iron);position:relative;z-index:1}
.word{font-size:.9375rem;font-weight:600;letter-spacing:.14em;text-transform:uppercase;line-height:1}
.mark{flex:none;display:block}
.gate{display:block;position:relative;left:50%;margin-left:-1200px;color:var(--iron)}
main{padding:1.5rem clamp(1.25rem,6vw,2.5rem) 2.25rem}
h1,h2,h3{margin:0;line-height:1.2;font-weight:650;letter-spacing:-.014em;text-wrap:balance}
h1{font-size:1.625rem}
h1+.soft{margin-top:.375rem}
p{margin:.75rem 0;text-wrap:pretty}
a{color:var(--accent);text-underline-offset:.2em;text-decoration-thickness:1px}
a:hover{color:var(--press);text-decoration-thickness:2px}
.soft{color:var(--soft)}
.small{font-size:.875rem}
:focus-visible{outline:3px solid var(--focus);outline-offset:2px;border-radius:4px}
.field{margin-top:1.125rem}
.field label{display:block;margin-bottom:.375rem;font-weight:600}
.field input{width:100%;min-height:3rem;padding:.5rem .875rem;font:inherit;color:inherit;background:var(--well);
border:1.5px solid var(--edge);border-radius:8px}
.field input:focus-visible{outline-offset:1px;border-radius:8px}
.field .code,.code.shown{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;font-size:1.5rem;
letter-spacing:.08em;text-transform:uppercase}
.code.shown{margin:1rem 0 0;padding:.75rem 1rem;border-radius:8px;background:var(--tint);text-align:center;font-weight:600;
overflow-wrap:normal}
.field input[aria-invalid]{border-color:var(--warn)}
.button{display:inline-flex;align-items:center;justify-content:center;min-height:3rem;padding:.625rem 1.375rem;
font:inherit;font-weight:600;line-height:1.25;text-align:center;text-decoration:none;cursor:pointer;
border:1.5px solid var(--edge);border-radius:8px;background:transparent;color:var(--ink)}
.button:hover{border-color:var(--ink);color:var(--ink)}
.button:focus-visible{border-radius:8px}
.primary{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
.primary:hover{background:var(--press);border-color:var(--press);color:var(--on-accent)}
.whole{width:100%;margin-top:1.75rem}
.choice{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;margin-top:1.25rem}
.problem,.caution{margin:1.25rem 0 0;padding:.75rem 1rem;border-radius:8px;border:1px solid var(--warn);
border-left-width:5px;background:var(--warn-tint);color:var(--warn);font-weight:600}
.caution{font-weight:400;font-size:.9375rem;border-color:var(--care);background:var(--care-tint);color:var(--care)}
.hint{margin:1.25rem 0 0;padding:.75rem 1rem;border-radius:8px;background:var(--tint);font-size:.9375rem}
.person{display:flex;flex-wrap:wrap;align-items:center;justify-content:space-between;gap:0 .75rem;margin:-.6875rem 0 1.5rem;padding-bottom:.5rem;
border-bottom:1px solid var(--line);font-size:.9375rem}
.person a{padding:.6875rem 0}
.facts{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1rem 0 0;font-size:.9375rem}
.facts dt{color:var(--soft)}
.facts dd{margin:0;font-weight:600}
fieldset{margin:1.75rem 0 0;padding:0;border:0;min-width:0}
legend{padding:0;font-weight:600}
.scopes{list-style:none;margin:.625rem 0 0;padding:0;border-top:1px solid var(--line)}
.scopes li{border-bottom:1px solid var(--line)}
.scope{display:grid;grid-template-columns:auto 1fr;column-gap:.875rem;align-items:start;padding:.875rem 0;
cursor:pointer;min-height:3rem}
.scope input{width:1.375rem;height:1.375rem;margin:.125rem 0 0;accent-color:var(--accent)}
.scope b{display:block;font-size:1.0625rem;font-weight:600;line-height:1.4}
.scope code{color:var(--soft)}
.scope .tag{margin:.125rem 0}
.scope.off{cursor:default}
.scope.off b{color:var(--soft);font-weight:400}
.scope .why{display:block;font-size:.875rem;color:var(--soft)}
.remedy{margin-top:1.25rem;padding-left:1rem;border-left:3px solid var(--accent)}
.remedy h2{font-size:1rem;letter-spacing:0}
.remedy p{margin:.25rem 0 0}
.trace{margin-top:1.75rem;padding-top:1rem;border-top:1px solid var(--line);font-size:.875rem;color:var(--soft)}
.trace code{display:inline-block;color:var(--ink)}
.facts a,.app p a,.links a:not(.button),.small a{display:inline-block;padding:.875rem 0;margin:-.875rem 0}
.section{margin-top:2.25rem;font-size:1.125rem}
.apps,.sessions{list-style:none;margin:1.25rem 0 0;padding:0}
.app{padding:1rem 0 .25rem;border-top:1px solid var(--line)}
.app h2{font-size:1.125rem}
.app p{margin:.375rem 0 0}
.app .caution{margin-top:.75rem}
.app .facts{margin-top:.75rem}
.app .facts dd{font-weight:400}
.where{display:inline-block}
.words{margin:.125rem 0 0;padding-left:1.25rem;list-style:disc}
.take-back summary{width:fit-content;min-height:2.75rem;padding:.625rem 0;cursor:pointer;font-size:.9375rem;color:var(--accent)}
.take-back form{margin:0 0 1rem;padding:.75rem 1rem 1rem;border-radius:8px;background:var(--well)}
.take-back .button{margin-top:.75rem;border-color:var(--warn);color:var(--warn)}
.sessions{margin-top:.625rem;border-top:1px solid var(--line)}
.sessions li{padding:.625rem 0;border-bottom:1px solid var(--line)}
.sessions li>.soft{display:block}
.tag{display:inline-block;padding:0 .5rem;border-radius:99px;background:var(--tint);color:var(--accent);font-size:.8125rem;font-weight:600}
.links{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.75rem}
@media(min-width:34rem){body{padding:2rem 1rem}.panel{border-radius:14px;
box-shadow:0 1px 2px rgb(0 0 0/.08),0 12px 40px -12px rgb(0 0 0/.22)}h1{font-size:1.75rem}}
@media(max-width:33.99rem){body{background:var(--panel)}.panel{margin:0 auto auto}}
@media(forced-colors:active){.panel,.tag,.hint,.remedy{border:1px solid}.lintel{border-bottom:1px solid}.gate{color:CanvasText}
.primary{border-width:3px}}
@media(prefers-reduced-motion:no-preference){.button,a{transition:background-color .12s,border-color .12s,color .12s}}
`

/** The one stylesheet of all pages; inlined, so that a page is one answer, and allowed by its hash. */
export const stylesheet = pageStyles + demoStyles
