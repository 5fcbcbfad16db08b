/** What doctor found out about one thing. */
export type Finding = {
  /** `store.disk` */
  readonly check: string
  readonly level: 'ok' | 'warning' | 'problem'
  readonly message: string
  /** How to mend it, in a sentence. */
  readonly mend?: string
}

export const ok = (check: string, message: string): Finding => ({ check, level: 'ok', message })

export const warning = (check: string, message: string, mend: string): Finding => ({
  ...{ check, level: 'warning', message, mend },
})

export const problem = (check: string, message: string, mend: string): Finding => ({
  ...{ check, level: 'problem', message, mend },
})
