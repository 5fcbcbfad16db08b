import { download, startLargeUpstream, upload } from '../test/support/large-bodies.ts'
import { spawnPortcullis, until } from '../test/support/portcullis.ts'

// What a large body costs the gateway in memory, each way, while its receiver is slower than its sender:
// node bench/streaming.ts [GB]

const GB = 1e9

const main = async (): Promise<void> => {
  const size = Number(process.argv[2] ?? 1) * GB
  const upstream = await startLargeUpstream()
  const gateway = await spawnPortcullis(
    `upstreams: { large: '${upstream.origin}' }\nroutes: [{ path: /large, upstream: large, access: public }]\n`,
  )
  const memory = async (): Promise<number> => {
    const text = await (await fetch(`${gateway.admin}/metrics`)).text()
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1])
  }
  // Reading it loads something, too.
  await memory()
  console.log(`at rest: ${mib(await memory())} MiB`)
  const pace = { burst: 64e6, rest: 20 }
  for (const [name, send] of [
    ['download', download],
    ['upload', upload],
  ] as const) {
    const warm = await send(upstream, gateway.port, 64e6, pace)
    warm.go()
    await warm.done
    warm.close()
    const before = await memory()
    const began = performance.now()
    const transfer = await send(upstream, gateway.port, size, pace)
    transfer.go()
    let most = 0
    let ahead = 0
    let over = false
    void transfer.done.then(() => {
      over = true
    })
    await until(async () => {
      most = Math.max(most, await memory())
      ahead = Math.max(ahead, transfer.written() - transfer.read())
      await new Promise((resolve) => setTimeout(resolve, 100))
      return over
    }, 3600)
    transfer.close()
    const seconds = (performance.now() - began) / 1000
    console.log(
      `${name} of ${size / GB} GB in ${seconds.toFixed(1)} s (${(size / GB / seconds).toFixed(2)} GB/s): ` +
        `${mib(before)} MiB before, at most ${mib(most)} (+${mib(most - before)}); ` +
        `the sender was at most ${mib(ahead)} MiB ahead`,
    )
  }
  upstream.close()
  await gateway.stop()
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1)

await main()
