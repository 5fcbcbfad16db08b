import type { TestClient } from './client.ts'
import { openConsole } from './console.ts'
import type { passingTime } from './passing-time.ts'
import type { Portcullis } from './portcullis.ts'

/** Three quarters of an hour of more and less traffic, for pictures: some of it refused, a token revoked now and then. */
export const busyHour = async (
  time: ReturnType<typeof passingTime>,
  { admin, origin }: Pick<Portcullis, 'admin' | 'origin'>,
  robot: TestClient,
): Promise<void> => {
  await openConsole(admin, 'ada')
  const mint = async () =>
    String((await robot.post('token', { grant_type: 'client_credentials' })).body.access_token)
  let token = await mint()
  for (let step = 0; step < STEPS; step += 1) {
    if (step % 60 === 59) {
      await robot.post('revoke', { token })
      token = await mint()
    }
    const many = Math.round(20 + 12 * Math.sin(step / 40) + 5 * Math.sin(step / 3))
    await Promise.all(
      Array.from({ length: many }, async (_, at) => {
        const value = at % 9 === step % 9 ? 'a-stranger' : token
        const answer = await fetch(`${origin}/orders`, {
          headers: { Authorization: `Bearer ${value}` },
        })
        await answer.arrayBuffer()
      }),
    )
    await time.pass(5)
  }
}

const STEPS = 540
