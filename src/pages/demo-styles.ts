/** What only the walkthrough has: the way through it, and the panes of an exchange. */
export const demoStyles = `
.wide{max-width:78rem;overflow:clip;margin:0 auto auto}
.place{margin-left:auto;font-size:.875rem;opacity:.85}
.unseen{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.way main{padding-top:0;min-width:0}
.way nav{padding:1.25rem clamp(1.25rem,6vw,2.5rem) 1rem}
.lead{max-width:44rem;color:var(--soft)}
#progress{margin:0 0 .5rem;font-weight:600}
progress{display:block;width:100%;height:.5rem;border:0;border-radius:99px;background:var(--line);overflow:hidden;
appearance:none;color:var(--accent)}
progress::-webkit-progress-bar{background:var(--line)}
progress::-webkit-progress-value{background:var(--accent)}
progress::-moz-progress-bar{background:var(--accent)}
.contents{display:none}
.tools{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1rem}
.tools .button{font-size:.9375rem;padding:.5rem 1rem}
.steps,.contents{list-style:none;margin:0;padding:0;counter-reset:step}
.step{counter-increment:step;position:relative;margin-top:2.25rem;padding-left:2.75rem;scroll-margin-top:1rem}
.step h2{font-size:1.25rem;scroll-margin-top:1rem;min-height:1.875rem;padding-top:.125rem}
.step::before{content:counter(step);position:absolute;left:0;top:0;width:1.875rem;height:1.875rem;border-radius:50%;
border:1.5px solid var(--edge);display:grid;place-items:center;font-size:.875rem;font-weight:600;color:var(--soft)}
.step::after{content:"";position:absolute;left:.875rem;top:2.375rem;bottom:-1.75rem;width:2px;background:var(--line)}
.step:not(.done)::after,.step:last-child::after{display:none}
.step.done::before{background:var(--accent);border-color:var(--accent);color:var(--on-accent)}
.step.now::before{border:2.5px solid var(--accent);color:var(--accent)}
.step.failed::before{background:var(--warn);border-color:var(--warn);color:var(--panel)}
.step.later{margin-top:1.25rem}
.step.later h2{color:var(--soft);font-weight:500;font-size:1.0625rem;letter-spacing:0;padding-top:.25rem}
.step>p{max-width:44rem;margin:.5rem 0 1rem}
.step .hint{max-width:none;width:fit-content}.hint code{white-space:nowrap;font-weight:700}
.step form{margin-top:1.25rem}
.exchange{display:grid;gap:.75rem}
.pane{min-width:0;border:1px solid var(--line);border-radius:8px;background:var(--well);overflow:hidden}
.pane h3{padding:.5rem .875rem;border-bottom:1px solid var(--line);font-size:.875rem;letter-spacing:0}
.pane h3 span{margin-left:.375rem;font-weight:400;color:var(--soft)}
pre{margin:0;white-space:pre-wrap;line-height:1.6}
.pane pre{padding:.75rem .875rem;max-height:44rem;overflow:auto}
pre b{font-weight:700}
pre b.good{color:var(--accent)}
pre b.bad{color:var(--warn)}
pre i{font-style:normal;color:var(--soft)}
mark{background:var(--care-tint);color:var(--care);border-radius:3px;padding:0 .125rem;
box-shadow:inset 0 -1px 0 var(--care)}
.pane .aside{margin:0;padding:.375rem .875rem;border-top:1px solid var(--line);font-size:.8125rem;color:var(--soft)}
details.aside summary{padding:.625rem 0;min-height:2.75rem;cursor:pointer}
details.aside pre{padding:.25rem 0 .75rem;color:var(--ink)}
.curl{margin-top:.25rem}
.curl summary{padding:.625rem 0;min-height:2.75rem;width:fit-content;cursor:pointer;font-size:.9375rem;color:var(--accent)}
.curl>div{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:start;gap:.75rem;padding:.75rem .875rem;border:1px solid var(--line);border-radius:8px;
background:var(--well)}
.curl pre{flex:1 1 20rem;min-width:0}
.copy{min-height:2.75rem;min-width:6rem;padding:.25rem 1rem;font-size:.875rem;background:var(--panel)}
.copy[hidden]{display:none}
.step>.note{max-width:none;margin:.75rem 0 0;padding:.625rem 0 .625rem 1rem;border-left:3px solid var(--accent)}
.step>.note.bad{border-color:var(--warn);color:var(--warn)}
.step>h3{margin:1.25rem 0 .5rem;font-size:1rem;letter-spacing:0}
.parameters{margin:.75rem 0 0;border-top:1px solid var(--line);font-size:.9375rem}
.parameters div{display:grid;gap:0 1.25rem;padding:.5rem 0;border-bottom:1px solid var(--line)}
.parameters dt code{font-weight:700}
.parameters dd{margin:0}
.parameters span{display:block;color:var(--soft)}
.finale{margin:2.5rem 0 0 2.75rem;padding:1.25rem 1.5rem 1.5rem;border-radius:8px;background:var(--tint)}
.finale h2{font-size:1.25rem}
[aria-busy=true] .button{opacity:.6}
@media(min-width:40rem){.parameters div{grid-template-columns:13rem 1fr}}
@media(min-width:62rem){.way{display:grid;grid-template-columns:19rem minmax(0,1fr)}
.way main{padding:1.75rem 2.5rem 3rem 1rem}
.way nav{position:sticky;top:0;align-self:start;max-height:100vh;overflow:auto;padding:1.75rem 1.5rem 1.5rem 2.5rem}
.contents{display:block;margin:1rem 0 0 -.625rem}
.contents li{counter-increment:step}
.contents a{display:flex;gap:.625rem;align-items:center;min-height:2.75rem;padding:.25rem .625rem;border-radius:8px;
color:var(--soft);text-decoration:none;font-size:.9375rem;line-height:1.3}
.contents a:hover{background:var(--well);color:var(--ink)}
.contents a::before{content:counter(step);flex:none;width:1.25rem;text-align:center;font-weight:600}
.contents .done a{color:var(--ink)}
.contents .done a::before{content:"✓" / "";color:var(--accent)}
.contents .now a,.contents .failed a{color:var(--ink);font-weight:600;background:var(--tint)}
.tools{flex-direction:column;align-items:stretch}.tools .button{width:100%}}
@media(min-width:70rem){.exchange{grid-template-columns:1fr 1fr}}
@media(max-width:33.99rem){.step{padding-left:0}.step h2{padding-left:2.5rem}.step::after{display:none}.finale{margin-left:0}}
@media(forced-colors:active){.step::before,.pane,mark,.finale{border:1px solid}progress{border:1px solid}}
`
