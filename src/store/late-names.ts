import type { Standings } from './standing.ts'
import { StoreUnavailable } from './store.ts'
import type { FileTerms } from './terms.ts'

/** What the store knows of names: whose term it is, and who was put out of action. */
type Names = {
  readonly terms: FileTerms
  /** Without what was ended by disabling, and by passwords of people's own. */
  readonly fileTerms: FileTerms
  readonly standings: Standings
}

/** The same of a store that may not answer yet: until it has, whoever asks is told StoreUnavailable. */
export type LateNames = Names & {
  /** They were read: from now on these count. */
  begin(names: Names): void
}

export const createLateNames = (): LateNames => {
  let names: Names | undefined

  const begun = (): Names => {
    if (names === undefined) throw new StoreUnavailable('the store has not answered yet')
    return names
  }

  return {
    begin(read) {
      names = read
    },
    terms: lateTerms(begun, () => names, 'terms'),
    fileTerms: lateTerms(begun, () => names, 'fileTerms'),
    standings: {
      disabled: (named) => begun().standings.disabled(named),
      known: (named) => names?.standings.known(named),
      epochOf: (named) => begun().standings.epochOf(named),
      disable: async (named, reason) => begun().standings.disable(named, reason),
      enable: async (named) => begun().standings.enable(named),
      keep: async (named) => begun().standings.keep(named),
      renewal: async (named, until, anew) => begun().standings.renewal(named, until, anew),
      close: () => names?.standings.close(),
    },
  }
}

const lateTerms = (
  begun: () => Names,
  names: () => Names | undefined,
  which: 'terms' | 'fileTerms',
): FileTerms => ({
  of: (client_id, sub) => begun()[which].of(client_id, sub),
  ofAccount: (sub) => begun()[which].ofAccount(sub),
  names: (named) => begun()[which].names(named),
  // Whoever reads them takes on the configuration of that moment, and looks once more.
  replace: (config) => names()?.[which].replace(config) ?? [],
  look: async (over) => names()?.[which].look(over),
  keep: async (over) => begun()[which].keep(over),
})
