import { type ConsentScope, decisionForm, personRow, unverified, website } from './consent.ts'
import { displayed } from './displayed.ts'
import { problemNote } from './form.ts'
import { type Html, html } from './html.ts'
import { page } from './page.ts'

/** What is known of a device that asks. */
export type AskingDevice = {
  /** The application that it says it runs. */
  readonly name: string
  readonly uri?: string
  /** As in the consent of an application that nobody vouched for. */
  readonly since?: string
  readonly user_code: string
  /** Address that it asked from, and the minutes since. */
  readonly remote: string
  readonly minutes: number
  /** It asked from another network than this browser is in. */
  readonly elsewhere: boolean
}

/** The consent form of a device: posts `decision` = allow or deny, one `scope` for each ticked box, and the hidden fields. */
export const deviceConsentPage = (p: {
  readonly action: string
  readonly hidden: Readonly<Record<string, string>>
  readonly device: AskingDevice
  readonly person: { readonly name: string; readonly username: string }
  /** Where to sign in as someone else. */
  readonly signOut?: string
  readonly scopes: readonly ConsentScope[]
  readonly problem?: string
}): string =>
  page({
    title: `Allow ${displayed(p.device.name, 60)} on a device?`,
    main: html`${personRow(p.person, p.signOut)}
<h1>A device asks for access: <bdi>${displayed(p.device.name, 60)}</bdi></h1>
<p class="soft">Compare: your device must show this code.</p>
<p class="code shown">${p.device.user_code}</p>
${deviceFacts(p.device)}
<p class="caution"><b>Allow it only if you started this yourself, on a device of yours.</b> If somebody sent you here or \
told you the code, they are who gets access in your name.</p>
${p.device.since !== undefined && unverified(p.device.since)}
${problemNote(p.problem)}
${decisionForm('If you allow it, the device can', p)}`,
  })

const deviceFacts = ({ uri, remote, minutes, elsewhere }: AskingDevice): Html =>
  html`<dl class="facts">
<dt>Asked</dt><dd>${ago(minutes)}</dd>
<dt>From</dt><dd><bdi>${displayed(remote, 60)}</bdi>${elsewhere && html`, not the network that you are in`}</dd>
${uri?.startsWith('https://') && html`<dt>Website</dt><dd>${website(uri)}</dd>`}
</dl>`

const ago = (minutes: number): string => {
  if (minutes < 1) return 'less than a minute ago'
  return minutes === 1 ? 'a minute ago' : `${minutes} minutes ago`
}
