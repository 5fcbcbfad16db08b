import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { WebSocket } from 'ws'
import { createClient } from '../test/support/client.ts'
import { createPerson } from '../test/support/person.ts'

/** What somebody does, and how many of a hundred do it. */
type Kind = { readonly name: string; readonly share: number; once(): Promise<void> }

export type SoakLoad = {
  /** What was not answered as it must be, each with how often. */
  readonly surprises: ReadonlyMap<string, number>
  /** How often each kind was begun. */
  readonly done: ReadonlyMap<string, number>
  /** At most so many rows must be there by what was issued, and by the lives of docs/storage.md and of the configuration. */
  due(): number
  /** Milliseconds of each answer since the last call. */
  take(): number[]
  stop(): Promise<void>
}

type Answer = { readonly status: number; readonly body: string }
type Family = { readonly born: number; readonly access: string; readonly refresh: string }

/** An answer that was counted already. */
class Refused extends Error {}

/** Seconds that a row of each is kept: a request that was answered, a code and its use, and with a margin the others. */
const KEPT = { request: 2400 + 60, code: 45 + 600 + 60, token: 240 }

/** Seconds: less than the lives that the configuration of the soak gives. */
const TOKEN_USE = 30
const FAMILY_USE = 60

/** Everything that a gateway does, by chance, `rate` a second, whether it is answered or not. */
export const soakLoad = (origin: string, rate: number): SoakLoad => {
  const surprises = new Map<string, number>()
  const done = new Map<string, number>()
  const kept = new Agent({ keepAlive: true, maxSockets: 64 })
  const tokens: { readonly born: number; readonly value: string }[] = []
  const families: Family[] = []
  const under = new Set<Promise<void>>()
  const web = createClient(origin, 'web', { secret: 'web-secret' })
  const flows: number[] = []
  const issued: number[] = []
  let times: number[] = []
  let ada = createPerson('ada', 'ada-password')
  let authorized = 0
  let turn: Promise<unknown> = Promise.resolve()

  const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1)
  const surprise = (words: string) => void count(surprises, words.split('\n', 1)[0] ?? words)
  const expect = (what: string, status: number, wanted: number) => {
    if (status !== wanted) surprise(`${what}: ${status}`)
  }

  const ask = (path: string, token?: string): Promise<Answer> => {
    const began = performance.now()
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    return new Promise((resolve, reject) => {
      const req = request(origin + path, { headers, agent: kept }, (res) => {
        let body = ''
        res.setEncoding('utf8')
        res.on('data', (chunk: string) => {
          body += chunk
        })
        res.on('error', reject)
        res.on('end', () => {
          times.push(performance.now() - began)
          resolve({ status: res.statusCode ?? 0, body })
        })
      })
      req.on('error', reject)
      req.end()
    })
  }

  const timed = async <Result>(step: () => Promise<Result>): Promise<Result> => {
    const began = performance.now()
    const result = await step()
    times.push(performance.now() - began)
    return result
  }

  const mint = async (): Promise<string> => {
    const grant = { grant_type: 'client_credentials' }
    const { status, body } = await timed(() => web.post('token', grant))
    expect('token', status, 200)
    // Who has none goes without, and is no surprise a second time.
    if (status !== 200) throw new Refused()
    issued.push(performance.now())
    const value = String(body.access_token)
    tokens.push({ born: performance.now() / 1000, value })
    return value
  }

  const token = async (): Promise<string> => {
    const now = performance.now() / 1000
    while (tokens[0] !== undefined && now - tokens[0].born > TOKEN_USE) tokens.shift()
    return tokens[Math.floor(Math.random() * tokens.length)]?.value ?? (await mint())
  }

  // One thing after the other, as in a browser; a new one now and then, so that there are sessions which nobody uses any more.
  const authorize = (url: URL): Promise<URL> => {
    const next = turn.then(() => {
      authorized += 1
      if (authorized % 20 === 0) ada = createPerson('ada', 'ada-password')
      return ada.authorize(url)
    })
    turn = next.catch(() => {})
    return next
  }

  const begin = async (): Promise<void> => {
    const client = createClient(origin, 'web', { secret: 'web-secret' })
    const callback = await authorize(client.authorizationUrl())
    const error = callback.searchParams.get('error')
    if (error !== null) return surprise(`authorize: ${error}`)
    const { status, body } = await timed(() => client.redeem(callback))
    expect('code', status, 200)
    if (status !== 200) return
    flows.push(performance.now())
    issued.push(performance.now())
    const again = Math.random() < 0.1 ? await client.redeem(callback) : undefined
    if (again) return expect('code again', again.status, 400)
    families.push({
      born: performance.now() / 1000,
      access: String(body.access_token),
      refresh: String(body.refresh_token),
    })
  }

  const refresh = async (): Promise<void> => {
    const family = families.shift()
    if (family === undefined || performance.now() / 1000 - family.born > FAMILY_USE) return begin()
    const { status, body } = await timed(() => web.refresh(family.refresh))
    expect('refresh', status, 200)
    if (status !== 200) return
    issued.push(performance.now())
    const next = {
      ...family,
      access: String(body.access_token),
      refresh: String(body.refresh_token),
    }
    families.push(next)
    expect('refreshed', (await ask('/orders/1', next.access)).status, 200)
  }

  const revoke = async (): Promise<void> => {
    const family = families.shift()
    if (family === undefined) return begin()
    const { status } = await timed(() => web.post('revoke', { token: family.refresh }))
    expect('revoke', status, 200)
    expect('revoked', (await ask('/orders/1', family.access)).status, 401)
    expect('refresh revoked', (await web.refresh(family.refresh)).status, 400)
  }

  const proxy = async (): Promise<void> => {
    const path = `/orders/${randomBytes(4).toString('hex')}`
    const { status, body } = await ask(path, await token())
    expect('proxy', status, 200)
    if (status === 200 && body !== path) surprise('proxy: another answer')
  }

  const unauthorized = async (): Promise<void> => {
    const stranger = ['', 'rubbish', `pc_at_${randomBytes(48).toString('base64url')}`]
    const value = stranger[Math.floor(Math.random() * stranger.length)]
    expect('401', (await ask('/orders/1', value || undefined)).status, 401)
  }

  const socket = async (): Promise<void> => {
    const headers = { Authorization: `Bearer ${await token()}` }
    const peer = new WebSocket(`${origin.replace('http', 'ws')}/socket`, { headers })
    let echoes = 0
    peer.on('message', () => {
      echoes += 1
      if (echoes < 5) setTimeout(() => peer.send('again'), 300)
      else if (Math.random() < 0.5) peer.close()
      else peer.terminate()
    })
    peer.on('open', () => peer.send('first'))
    await new Promise<void>((resolve) => {
      peer.on('error', (error) => surprise(`socket: ${error.message}`))
      peer.on('close', () => {
        if (echoes < 5) surprise('socket: ended early')
        resolve()
      })
    })
  }

  /** Goes away before the answer, in the midst of it, or in the midst of a body that it sends. */
  const abort = async (): Promise<void> => {
    const headers = { Authorization: `Bearer ${await token()}` }
    const method = Math.random() < 0.3 ? 'POST' : 'GET'
    await new Promise<void>((resolve) => {
      const req = request(`${origin}/slow`, { method, headers, agent: false })
      const leave = () => req.destroy()
      req.on('error', () => {})
      req.on('close', resolve)
      req.on('response', (res) => {
        if (res.statusCode !== 200) surprise(`abort: ${res.statusCode}`)
        res.on('error', () => {})
        res.once('data', leave)
      })
      if (method === 'POST') req.write(Buffer.alloc(10_000))
      else req.end()
      setTimeout(leave, Math.random() * 400)
    })
  }

  const introspect = async (): Promise<void> => {
    const { status, body } = await web.post('introspect', { token: await token() })
    expect('introspect', status, 200)
    if (body.active !== true) surprise('introspect: not active')
  }

  const kinds: readonly Kind[] = [
    { name: 'proxy', share: 55, once: proxy },
    { name: '401', share: 12, once: unauthorized },
    { name: 'token', share: 8, once: async () => void (await mint()) },
    { name: 'refresh', share: 10, once: refresh },
    { name: 'code', share: 3, once: begin },
    { name: 'revoke', share: 2, once: revoke },
    { name: 'introspect', share: 2, once: introspect },
    { name: 'socket', share: 4, once: socket },
    { name: 'abort', share: 4, once: abort },
  ]
  const pick = (): Kind | undefined => {
    let at = Math.random() * 100
    return kinds.find(({ share }) => {
      at -= share
      return at < 0
    })
  }

  const begun = performance.now()
  let asked = 0
  const timer = setInterval(() => {
    const due = ((performance.now() - begun) * rate) / 1000
    while (asked < due) {
      asked += 1
      const kind = pick()
      // What a gateway that stands still would be asked besides is not: the time of what waits says enough.
      if (kind === undefined || under.size >= MOST) continue
      count(done, kind.name)
      const step = kind
        .once()
        .catch((error: Error) => {
          if (!(error instanceof Refused)) surprise(`${kind.name}: ${error.message}`)
        })
        .finally(() => under.delete(step))
      under.add(step)
    }
  }, 10)

  return {
    surprises,
    done,
    due() {
      const within = (moments: readonly number[], seconds: number) =>
        moments.filter((moment) => performance.now() - moment < seconds * 1000).length
      // A grant, a token and when it was last used; a session and its use now and then.
      const short = 3 * within(issued, KEPT.token) + 40
      return short + within(flows, KEPT.request) + 2 * within(flows, KEPT.code)
    },
    take() {
      const taken = times
      times = []
      return taken
    },
    async stop() {
      clearInterval(timer)
      await Promise.all(under)
      kept.destroy()
    },
  }
}

/** That are under way at once. */
const MOST = 500
