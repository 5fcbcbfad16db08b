import { html } from '../html.ts'
import { consolePage, type Frame } from './frame.ts'
import { table, tag } from './parts.ts'

export type ShownScope = {
  readonly scope: string
  readonly description: string
  readonly routes: readonly string[]
  /** Live grants that have it, and of those the ones whose tokens were last used on a route that asks for it. */
  readonly granted: number
  readonly used: number
}

export const scopesPage = (
  frame: Frame,
  p: {
    readonly scopes: readonly ShownScope[]
    /** So many grants were looked at; `more`: there are others. */
    readonly looked: number
    readonly more: boolean
  },
): string =>
  consolePage(frame, {
    title: 'Scopes',
    path: '/scopes',
    main: html`${table({
      caption: `Every scope that can be granted; grants counted among ${p.more ? 'the first ' : ''}${p.looked}`,
      heads: [
        'Scope',
        'What people read',
        'Routes that ask for it',
        'Grants of people that have it',
        'Of those, last used where it is asked for',
      ],
      none: 'The configuration defines no scope.',
      rows: p.scopes.map(({ scope, description, routes, granted, used }) => [
        html`<code>${scope}</code>`,
        description,
        routes.length === 0
          ? tag('none: it opens nothing', 'care')
          : html`${routes.map((path) => html`<code>${path}</code> `)}`,
        granted,
        granted > 0 && used === 0 ? tag('not last used there', 'care') : used,
      ]),
    })}`,
  })
