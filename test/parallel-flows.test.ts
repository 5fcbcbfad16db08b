import { expect, it } from 'vitest'
import { startAuthorizationServer } from './support/authorization-server.ts'
import { createClient } from './support/client.ts'
import { createPerson } from './support/person.ts'

const PEOPLE = Array.from({ length: 100 }, (_, at) => ({
  username: `person-${at}`,
  grantValues: { number: String(at) },
}))

it('A14 a hundred people go through whole flows at once, and nobody gets what is another’s', async () => {
  const server = await startAuthorizationServer({ accounts: PEOPLE })
  try {
    const flows = PEOPLE.map(async ({ username, grantValues }) => {
      // Each with a verifier and a state of its own, at one of two clients.
      const id = Number(grantValues.number) % 2 === 0 ? 'web' : 'other'
      const client = createClient(server.origin, id, { secret: `${id}-secret` })
      const person = createPerson(username, `${username}-password`)
      const scope = Number(grantValues.number) % 3 === 0 ? 'orders.read' : 'orders.write'
      const url = client.authorizationUrl({ scope, state: `state of ${username}` })
      const callback = await person.authorize(url)
      expect(callback.searchParams.get('state')).toBe(`state of ${username}`)
      const first = await client.redeem(callback)
      const { body } = await client.refresh(first.body.refresh_token)
      for (const token of [first.body.access_token, body.access_token]) {
        const known = await client.post('introspect', { token: String(token) })
        expect(known.body).toMatchObject({
          ...{ active: true, client_id: id, sub: username, scope, ...grantValues },
        })
      }
      return body
    })
    const given = await Promise.all(flows)
    for (const name of ['access_token', 'refresh_token'])
      expect(new Set(given.map((tokens) => tokens[name])).size).toBe(PEOPLE.length)
  } finally {
    await server.stop()
  }
}, 60_000)
