/** A person who signed in, in one browser. */
export type Session = {
  /** Names the session without being its value: the digest. */
  readonly id: string
  readonly sub: string
  /** Seconds since the epoch. */
  readonly auth_time: number
  readonly expires: number
}

export type Sessions = {
  /** Resolves to the cookie's value. A new one at every sign-in. */
  start(session: { sub: string; auth_time: number }): Promise<string>
  /** Undefined: unknown, idle for too long, or over. Counts as use, written at most once a minute. */
  find(value: string): Promise<Session | undefined>
  end(value: string): Promise<void>
  /** Signs a person out everywhere; resolves to how many sessions. */
  endAllOfAccount(sub: string): Promise<number>
}
