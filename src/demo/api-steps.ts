import { ANOTHER_ANSWER, bad, good, type Note, type Step, stepped } from './walk.ts'

/** Step 1: what a stranger gets. */
export const callWithoutToken: Step = async (walk, { setup, call }) => {
  const exchange = await call({ method: 'GET', target: setup.api })
  return stepped(walk, 1, {
    exchange,
    note: good(
      'Refused, and told how to get in: the WWW-Authenticate field names the scope, and where to read about the rest.',
    ),
  })
}

/** Step 6: what the bearer of a token gets (RFC 6750 §2.1). */
export const callWithToken: Step = async (walk, { setup, call }) => {
  const exchange = await call({
    method: 'GET',
    target: setup.api,
    headers: { Authorization: `Bearer ${walk.access_token}` },
  })
  return stepped(walk, 6, { exchange, note: CALL_NOTES.get(exchange.status) ?? ANOTHER_ANSWER })
}

/** Step 9: what the bearer of a token that was given back gets. */
export const callAfterRevocation: Step = async (walk, { setup, call }) => {
  const exchange = await call({
    method: 'GET',
    target: setup.api,
    headers: { Authorization: `Bearer ${walk.access_token}` },
  })
  return stepped(walk, 9, {
    exchange,
    note:
      exchange.status === 401
        ? good(
            'Refused at once, although the token would have lived on: revocation is pushed to every process.',
          )
        : ANOTHER_ANSWER,
  })
}

const CALL_NOTES: ReadonlyMap<number, Note> = new Map([
  [
    200,
    good(
      'Let through. The API got the request without the token, and with what it needs to know about the caller.',
    ),
  ],
  [
    403,
    bad(
      'The token is good, but you did not allow this scope. The gateway refuses, and names what is missing.',
    ),
  ],
  [502, bad('The gateway let the request through, but the orders API behind it does not answer.')],
])
