import { displayed } from './displayed.ts'
import { html } from './html.ts'
import { page } from './page.ts'

/** Said once a person has answered a device. */
export const deviceAnsweredPage = (p: {
  readonly decision: 'allow' | 'deny'
  readonly clientName: string
}): string =>
  p.decision === 'allow'
    ? page({
        title: 'Device connected',
        main: html`<h1>Your device is connected</h1>
<p><bdi>${displayed(p.clientName)}</bdi> goes on by itself in a few seconds. You can close this page.</p>`,
      })
    : page({
        title: 'Access denied',
        gate: 'lowered',
        main: html`<h1>The device gets no access</h1>
<p><bdi>${displayed(p.clientName)}</bdi> is told that you said no. You can close this page.</p>`,
      })
