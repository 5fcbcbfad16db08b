import type { SpawnedPortcullis } from './portcullis.ts'

/** Seconds. R-20 says two; a busy machine is given as many again. A pause that goes on to grow is longer than both. */
export const RECOVERY = 4

/**
 * Milliseconds until a gateway whose store has just come back gives tokens and is ready, without a restart. Asks until then;
 * throws long after `RECOVERY`.
 */
export const recovery = async (gateway: SpawnedPortcullis): Promise<number> => {
  const began = performance.now()
  for (;;) {
    if ((await issue(gateway)).status === 200 && (await isReady(gateway))) break
    if (performance.now() > began + LONGEST) throw new Error('it did not get well again')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return performance.now() - began
}

/** A token for the client `job` of `witnessed`, on a connection of its own. */
export const issue = async ({ origin }: SpawnedPortcullis) => {
  const began = performance.now()
  const answer = await fetch(`${origin}/oauth/token`, {
    method: 'POST',
    headers: { Connection: 'close', Authorization: `Basic ${btoa('job:job-secret')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  const { error }: { error?: string } = JSON.parse(await answer.text())
  const after = answer.headers.get('Retry-After')
  return { status: answer.status, error, after, took: performance.now() - began }
}

const isReady = async ({ admin }: SpawnedPortcullis): Promise<boolean> => {
  const answer = await fetch(`${admin}/readyz`, { headers: { Connection: 'close' } })
  await answer.arrayBuffer()
  return answer.status === 200
}

const LONGEST = 30_000
