/** The one client of the benches of the authorization server, known to both servers. */
export const CLIENT = 'bench'
export const SECRET = 'a-secret-for-the-bench-alone'
export const CALLBACK = 'https://app.example/callback'

export const VERIFIER = 'a-code-verifier-for-the-bench-alone-that-is-long-enough'
export const CHALLENGE = 'aS7WxP8KgjfU7rRv3fLuz0mimC8yYggd-PD3jRyKwJQ'

/** What a client does again and again. */
export type Flow = 'client_credentials' | 'refresh_token' | 'authorization_code'

export type FlowTask = {
  readonly port: number
  readonly flow: Flow
  readonly seconds: number
  readonly paths: Paths
  /** Of a person who is signed in and has allowed the client before. */
  readonly cookie: string
}

export type Paths = { readonly authorize: string; readonly token: string }

/** Whole flows, and the first answer that was not what the flow needs. */
export type FlowResult = { readonly done: number; readonly failure: string | undefined }
