import { createConnector } from './connector.ts'
import { type DispatchController, type DispatchOptions, type Library, OPTIONS } from './forward.ts'
import type { Target } from './target.ts'

/**
 * Asks a target for `path` on a connection of its own, made and closed for it; gives the status of the answer, whose body is
 * not read. Rejects when there is none within `seconds`.
 */
export const probeOnce = (
  library: Library,
  { origin, host, dial }: Target,
  path: string,
  seconds: number,
): Promise<number> => {
  const connect = createConnector(library, dial(), seconds)(() => {})
  const client = new library.Client(origin, { connect, ...OPTIONS })
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let controller: DispatchController | undefined
  const timer = setTimeout(() => {
    reject(new Error('no answer in time'))
    controller?.abort(new Error('no answer in time'))
  }, seconds * 1000)
  client.dispatch(optionsOf(path, origin, host), {
    onRequestStart(given) {
      controller = given
    },
    onResponseStart(given, status) {
      if (status < 200) return
      resolve(status)
      given.abort(new Error('that is all'))
    },
    onResponseData() {},
    onResponseEnd() {},
    onResponseError: (_, error) => reject(error),
  })
  return promise.finally(() => {
    clearTimeout(timer)
    void client.destroy().catch(() => {})
  })
}

const optionsOf = (path: string, origin: string, host: string): DispatchOptions => ({
  path,
  method: 'GET',
  headers: ['Host', host, 'User-Agent', 'portcullis', 'Accept', '*/*'],
  servername: new URL(origin).hostname,
})
