import { StoreUnavailable } from './store.ts'
import type { FileTerms } from './terms.ts'

/** Terms of a store that may not answer yet. Until it has, nobody has a term: whoever asks is told StoreUnavailable. */
export type LateTerms = FileTerms & {
  /** They were read: from now on these count. */
  begin(terms: FileTerms): void
}

export const createLateTerms = (): LateTerms => {
  let terms: FileTerms | undefined

  const begun = (): FileTerms => {
    if (terms === undefined) throw new StoreUnavailable('the store has not answered yet')
    return terms
  }

  return {
    begin(read) {
      terms = read
    },
    of: (client_id, sub) => begun().of(client_id, sub),
    ofAccount: (sub) => begun().ofAccount(sub),
    names: (named) => begun().names(named),
    // Whoever reads them takes on the configuration of that moment, and looks once more.
    replace: (config) => terms?.replace(config) ?? [],
    look: async (over) => terms?.look(over),
    keep: async (over) => begun().keep(over),
  }
}
