import { curlDetails, exchangePanes, type ShownExchange } from './exchange.ts'
import type { Html } from './html.ts'
import { html } from './html.ts'
import { gate, mark } from './mark.ts'
import { document } from './page.ts'
import { type ShownSecret, textWithSecrets } from './shown-secrets.ts'

/** The walkthrough, as far as it has come. */
export type DemoView = {
  readonly steps: readonly DemoStep[]
  /** How many steps are done. */
  readonly done: number
  readonly secrets: readonly ShownSecret[]
  /** Where to post to begin again. */
  readonly restart: string
  /** The page on which a person sees what they allowed. */
  readonly apps: string
  /** Where to post for all remaining steps; `stays`: the answer is this page again, not the sign-in. */
  readonly rest?: { readonly action: string; readonly stays: boolean }
  readonly script: string
}

export type DemoStep = {
  readonly number: number
  readonly title: string
  readonly why: string
  readonly state: 'done' | 'now' | 'later' | 'failed'
  readonly button?: { readonly action: string; readonly label: string; readonly stays: boolean }
  readonly exchange?: ShownExchange
  readonly curl?: string
  readonly authorization?: {
    readonly url: string
    readonly parameters: readonly { name: string; value: string; meaning: string }[]
  }
  readonly account?: { readonly username: string; readonly password: string }
  /** What the API says it was told about the caller. */
  readonly learned?: readonly (readonly [name: string, value: string])[]
  readonly note?: { readonly tone: 'good' | 'bad'; readonly text: string }
}

export const demoPage = (view: DemoView): string =>
  document({
    title: 'The authorization code flow, step by step',
    script: view.script,
    body: html`<div class="panel wide">
<header class="lintel">${mark}<span class="word">Portcullis</span><span class="place">Demo</span></header>
<p class="unseen" role="status" id="said"></p>
<div id="walk">
${gate(GATE_DOWN - Math.round(((GATE_DOWN - GATE_UP) * view.done) / view.steps.length))}
<div class="way">
${contents(view)}
<main>
<h1 tabindex="-1">The authorization code flow, step by step</h1>
<p class="lead">A person lets an application use an API for them. Every request below is really sent, and shown as it went over the wire. ${LEGEND}</p>
<ol role="list" class="steps">
${view.steps.map((step) => stepSection(step, view.secrets))}
</ol>
${view.done === view.steps.length && finale(view)}
</main>
</div>
</div>
</div>`,
  })

const GATE_DOWN = 104
const GATE_UP = 32

const LEGEND = html`<mark>Marked</mark> are secrets: shown here because this is the demo, never in a log.`

const contents = (view: DemoView): Html => html`<nav aria-label="Steps">
<p id="progress">${progressWords(view)}</p>
<progress max="${view.steps.length}" value="${view.done}" aria-labelledby="progress"></progress>
<ol role="list" class="contents">
${view.steps.map(contentsEntry)}
</ol>
<div class="tools">
${view.rest && postButton({ ...view.rest, label: 'Run the rest at once' }, view.steps.length, 'button')}
${view.done > 0 && postButton({ action: view.restart, label: 'Start over', stays: true }, 0, 'button')}
</div>
</nav>`

const progressWords = ({ done, steps }: DemoView): string =>
  done === steps.length ? 'All steps done' : `${done} of ${steps.length} steps done`

const contentsEntry = (step: DemoStep): Html =>
  html`<li class="${step.state}"><a href="#step-${step.number}"${
    (step.state === 'now' || step.state === 'failed') && html` aria-current="step"`
  }>${step.title}</a></li>`

const stepSection = (step: DemoStep, secrets: readonly ShownSecret[]): Html =>
  html`<li class="step ${step.state}" id="step-${step.number}">
<h2 id="title-${step.number}" tabindex="-1">${step.title}<span class="unseen">${STATE_WORDS.get(step.state)}</span></h2>
${step.state !== 'later' && stepBody(step, secrets)}
</li>`

const STATE_WORDS: ReadonlyMap<DemoStep['state'], string> = new Map([
  ['done', ' (done)'],
  ['now', ' (next)'],
  ['later', ' (later)'],
  ['failed', ' (failed)'],
])

const stepBody = (step: DemoStep, secrets: readonly ShownSecret[]): Html => html`<p>${step.why}</p>
${step.account && accountNote(step.account)}
${step.authorization && authorizationParts(step.authorization)}
${step.exchange && exchangePanes(step.exchange, secrets, `step-${step.number}`)}
${step.curl !== undefined && curlDetails(step.curl, secrets, `step-${step.number}`)}
${step.learned !== undefined && step.learned.length > 0 && learnedFields(step.learned)}
${step.note && html`<p class="note ${step.note.tone}">${textWithSecrets(step.note.text, secrets)}</p>`}
${step.button && postButton(step.button, step.number, 'button primary')}`

const accountNote = (account: { username: string; password: string }): Html =>
  html`<p class="hint">Sign in as <code>${account.username}</code> with the password <code>${account.password}</code>.</p>`

const authorizationParts = (
  p: NonNullable<DemoStep['authorization']>,
): Html => html`<div class="pane">
<h3>Address for the browser</h3>
<pre>${p.url}</pre>
</div>
<dl class="parameters">
${p.parameters.map(
  ({ name, value, meaning }) =>
    html`<div><dt><code>${name}</code></dt><dd><code>${value}</code><span>${meaning}</span></dd></div>`,
)}
</dl>`

const learnedFields = (
  fields: readonly (readonly [string, string])[],
): Html => html`<h3>What the API learned</h3>
<dl class="parameters">
${fields.map(([name, value]) => html`<div><dt><code>${name}</code></dt><dd><code>${value}</code></dd></div>`)}
</dl>`

const postButton = (
  button: { readonly action: string; readonly label: string; readonly stays: boolean },
  step: number,
  look: string,
): Html =>
  html`<form method="post" action="${button.action}"${button.stays && html` data-step="${step}"`}><button class="${look}" type="submit">${button.label}</button></form>`

const finale = ({
  restart,
  apps,
}: DemoView): Html => html`<section class="finale" aria-labelledby="finale">
<h2 id="finale">That was the whole flow</h2>
<p>The same nine steps work for any application: change the client, the routes and the scopes in the configuration file.</p>
${postButton({ action: restart, label: 'Walk again', stays: true }, 0, 'button')}
<p><a class="button" href="${apps}">See what you allowed</a></p>
</section>`
