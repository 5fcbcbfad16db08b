/** A registration as a client sends it (RFC 7591 §3.1). */
export const post = async (
  origin: string,
  document: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> =>
  replyOf(
    await fetch(`${origin}/oauth/register`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: typeof document === 'string' ? document : JSON.stringify(document),
    }),
  )

/** At the address of one client (RFC 7592 §2). */
export const manage = async (
  method: 'GET' | 'PUT' | 'DELETE',
  { registration_client_uri, registration_access_token }: Registered,
  document?: unknown,
): Promise<Reply> =>
  replyOf(
    await fetch(registration_client_uri, {
      method,
      headers: {
        Authorization: `Bearer ${registration_access_token}`,
        ...(document !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(document !== undefined && { body: JSON.stringify(document) }),
    }),
  )

export type Reply = {
  readonly status: number
  readonly headers: Headers
  /** What was answered; undefined for nothing. */
  readonly body: Record<string, unknown> | undefined
}

export type Registered = {
  readonly client_id: string
  readonly client_secret?: string
  readonly registration_access_token: string
  readonly registration_client_uri: string
}

/** Registers, and throws where that is refused. */
export const registered = async (origin: string, document: unknown): Promise<Registered> => {
  const { status, body } = await post(origin, document)
  if (status !== 201) throw new Error(`${status}: ${JSON.stringify(body)}`)
  return body as unknown as Registered
}

const replyOf = async (response: Response): Promise<Reply> => {
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  }
}
