import { type ChildProcess, fork } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { answering, cpuOf, file, freePort, REPORTING, stop } from './servers.ts'

// What a page of grants costs through the admin API of the running program, on SQLite: beside 10 000 grants and beside a
// million, of one client that has all of them, and of as many clients as that ten each are. Pages of 50 at the beginning, in
// the middle and at the end; filters that nothing fits. A number among the arguments: that many in place of a million.

const FEW = 10_000
const MANY = Number(process.argv.find((part) => /^\d+$/.test(part)) ?? 1_000_000)
const ROUNDS = 7
const TIMES = 10
const TOKEN = 'a-token-for-the-bench-alone'

type Gateway = {
  readonly grants: number
  get(query: string): Promise<Page>
  /** The longest that the public listener kept somebody waiting while `step` ran, ms. */
  waited(step: () => Promise<unknown>): Promise<number>
  cpu(): Promise<number>
  stop(): Promise<void>
}
type Page = { readonly items: readonly { readonly id: string }[]; readonly next?: string }

const main = async (): Promise<void> => {
  const gateways: Gateway[] = []
  try {
    for (const grants of [FEW, MANY]) gateways.push(await startWith(grants))
    const [few, many] = gateways
    if (few === undefined || many === undefined) return
    const asked = await Promise.all([questions(few), questions(many)])
    console.log(`| page | ms at ${FEW} | at ${MANY} | ratio | µs of CPU | | ratio | waited, ms |`)
    console.log('| --- | --- | --- | --- | --- | --- | --- | --- |')
    const waited = await many.waited(() => pause(1000))
    console.log(`| nothing | | | | | | | ${waited.toFixed(1)} |`)
    for (const [at, [name]] of asked[0].entries())
      await compare(name, few, asked[0][at]?.[1] ?? '', many, asked[1][at]?.[1] ?? '')
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()))
  }
}

/** Walks each list once, to know its cursors and that it has everything once. */
const questions = async (gateway: Gateway): Promise<readonly (readonly [string, string])[]> => {
  const [one, all] = [await walk(gateway, 'client_id=big&'), await walk(gateway, '')]
  if (one.ids.size !== gateway.grants || all.ids.size !== gateway.grants * 2)
    throw new Error(`of ${gateway.grants} grants twice: ${one.ids.size}, ${all.ids.size}`)
  console.log(`all of ${all.ids.size} grants in ${all.pages} pages, ${all.seconds.toFixed(1)} s`)
  const within = (of: typeof one, part: number) =>
    `&cursor=${of.cursors[Math.floor(of.pages * part)]}`
  const last = (of: typeof one) => `&cursor=${of.cursors.at(-1)}`
  const big = 'client_id=big&limit=50'
  return [
    ['one client, first', big],
    ['one client, middle', big + within(one, 0.5)],
    ['one client, last', big + last(one)],
    ['one client, a scope that none has', `${big}&scope=none`],
    ['one client, none unused for so long', `${big}&unused=30`],
    ['everybody, first', 'limit=50'],
    ['everybody, middle of the one', `limit=50${within(all, 0.25)}`],
    ['everybody, middle of the many', `limit=50${within(all, 0.75)}`],
    ['everybody, last', `limit=50${last(all)}`],
    ['everybody, a scope that none has, among the many', `limit=50&scope=none${within(all, 0.6)}`],
    ['everybody, none unused for so long, among the many', `limit=50&unused=30${within(all, 0.6)}`],
  ]
}

const walk = async (gateway: Gateway, whose: string) => {
  const [ids, cursors]: [Set<string>, string[]] = [new Set(), []]
  const began = performance.now()
  let pages = 0
  for (let next: string | undefined = ''; next !== undefined; pages += 1) {
    const page: Page = await gateway.get(`${whose}limit=500${next && `&cursor=${next}`}`)
    for (const { id } of page.items) ids.add(id)
    next = page.next
    if (next !== undefined) cursors.push(next)
  }
  return { ids, cursors, pages, seconds: (performance.now() - began) / 1000 }
}

const compare = async (name: string, few: Gateway, one: string, many: Gateway, other: string) => {
  const sides = [
    { gateway: few, query: one, ms: [] as number[], cpu: [] as number[] },
    { gateway: many, query: other, ms: [] as number[], cpu: [] as number[] },
  ]
  // In turns, so that what else the machine does meets both; the first round warms up.
  for (let round = 0; round <= ROUNDS; round += 1)
    for (const { gateway, query, ms, cpu } of sides) {
      const [before, began] = [await gateway.cpu(), performance.now()]
      for (let n = 0; n < TIMES; n += 1) await gateway.get(query)
      if (round === 0) continue
      ms.push((performance.now() - began) / TIMES)
      cpu.push(((await gateway.cpu()) - before) / TIMES)
    }
  const [a = 0, b = 0, c = 0, d = 0] = [
    ...sides.map(({ ms }) => ms),
    ...sides.map(({ cpu }) => cpu),
  ].map(median)
  const waited = await many.waited(async () => {
    for (let n = 0; n < TIMES; n += 1) await many.get(other)
  })
  console.log(
    `| ${name} | ${a.toFixed(1)} | ${b.toFixed(1)} | ${(b / a).toFixed(2)} | ${c.toFixed(0)} | ${d.toFixed(0)} | ${(d / c).toFixed(2)} | ${waited.toFixed(1)} |`,
  )
}

const median = (numbers: number[]): number =>
  numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? 0

const startWith = async (grants: number): Promise<Gateway> => {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-grants-'))
  const [port, admin] = [await freePort(), await freePort()]
  const settings = join(folder, 'portcullis.yaml')
  await writeFile(settings, configuration(port, admin))
  const start = async () => {
    const child = fork(file('../src/main.ts'), ['start', '--config', settings], {
      execArgv: REPORTING,
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    child.stdout?.resume()
    await answering(port)
    return child
  }
  // The first start makes the file.
  await stop(await start(), 'SIGTERM')
  fill(join(folder, 'portcullis.db'), grants)
  const child = await start()
  const ask = async (url: string) => {
    const response = await fetch(url, { headers: { Authorization: `Bearer ${TOKEN}` } })
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    return response.json()
  }
  return {
    grants,
    get: (query) => ask(`http://127.0.0.1:${admin}/api/v1/grants?${query}`) as Promise<Page>,
    waited: (step) => longestWait(`http://127.0.0.1:${port}/status`, step),
    cpu: () => cpuOf(child),
    stop: () => end(child, folder),
  }
}

const end = async (child: ChildProcess, folder: string): Promise<void> => {
  await stop(child)
  await rm(folder, { recursive: true, force: true })
}

const longestWait = async (url: string, step: () => Promise<unknown>): Promise<number> => {
  let [longest, over] = [0, false]
  const others = async () => {
    while (!over) {
      const began = performance.now()
      await (await fetch(url)).text()
      longest = Math.max(longest, performance.now() - began)
    }
  }
  const asking = others()
  await step()
  over = true
  await asking
  return longest
}

const configuration = (port: number, admin: number): string => `
issuer: http://127.0.0.1:${port}
listen: 127.0.0.1:${port}
admin: { listen: '127.0.0.1:${admin}', token: ${TOKEN} }
store: sqlite:portcullis.db
log: { access: false }
scopes: { orders.read: See your orders }
upstreams: { orders: 'http://127.0.0.1:9' }
routes: [{ path: /orders/*, upstream: orders, scope: orders.read }]
`

/** Rows as the program writes them: `big` has so many grants, and a tenth as many clients have ten each; half of them were used. */
const fill = (path: string, grants: number): void => {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA synchronous = OFF; BEGIN')
  const rows = database.prepare('INSERT INTO rows (key, value, expires) VALUES (?, ?, ?)')
  const lists = database.prepare('INSERT INTO listed (name, id) VALUES (?, ?)')
  const write = (key: string, value: object, names: readonly string[]): void => {
    const { lastInsertRowid } = rows.run(key, JSON.stringify(value), END * 1000)
    for (const name of names) lists.run(name, lastInsertRowid)
  }
  const give = (client_id: string, at: number): void => {
    const [id, sub] = [`${client_id}-${String(at).padStart(16, '0')}`, `person-${at % 100_000}`]
    const lists = [`grants:client:${client_id}`, `grants:account:${sub}`]
    write(`grant:${id}`, { ...GRANT, id, client_id, sub }, lists)
    if (at % 2 === 0) write(`last-used:${id}`, { at: NOW, route: '/orders/*' }, [])
  }
  const add = (client_id: string): void =>
    write(`client:${client_id}`, { ...CLIENT, client_id }, ['clients', 'clients:operator'])
  add('big')
  for (let at = 0; at < grants; at += 1) give('big', at)
  for (let at = 0; at < grants / 10; at += 1) add(`c${at}`)
  // One of each by turns, as it comes to be: what is of one client lies far apart.
  for (let at = 0; at < grants; at += 1) give(`c${at % (grants / 10)}`, at)
  database.exec('COMMIT')
  database.close()
}

const NOW = Math.floor(Date.now() / 1000)
const END = NOW + 864_000
const GRANT = {
  ...{ scope: ['orders.read'], resource: [], auth_time: NOW, created: NOW, expires: END },
  redeemed: true,
  refresh: { generation: 3, salt_digest: 's'.repeat(43), stepped: NOW, expires: END },
}
const CLIENT = {
  ...{ redirect_uris: ['https://app.example/callback'], scope: 'orders.read', created: NOW },
  ...{
    grant_types: ['authorization_code', 'refresh_token'],
    require_pkce: true,
    introspect: false,
  },
  ...{ tokens: {}, source: 'operator', secrets: [{ digest: 'd'.repeat(43) }] },
}

await main()
