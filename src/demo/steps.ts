import { callAfterRevocation, callWithoutToken, callWithToken } from './api-steps.ts'
import { authorizationRequest } from './authorization-request.ts'
import { exchangeCode, refresh, revoke } from './token-steps.ts'
import { bad, good, LAST_STEP, type Step, stepped, type Walk, type World } from './walk.ts'

/** Takes the step that is next, if the application can: signing in is for the person. */
export const takeStep = async (walk: Walk, world: World): Promise<Walk> => {
  const step = STEPS.get(walk.next)
  if (step === undefined || walk.stuck) return walk
  try {
    return await step(walk, world)
  } catch (error) {
    return unanswered(walk, error)
  }
}

/** Takes every step up to the next one that is not the application's, or that fails. */
export const takeAll = async (walk: Walk, world: World): Promise<Walk> => {
  const further = await takeStep(walk, world)
  return further.next > walk.next && further.next <= LAST_STEP ? takeAll(further, world) : further
}

/** Takes the steps up to the sign-in, or after it; remembers to go on when the person is back. */
export const takeRest = (walk: Walk, world: World): Promise<Walk> =>
  takeAll({ ...walk, hurried: true }, world)

/** Step 2: nothing is sent by the application; the browser carries it. */
const prepareRequest: Step = (walk, { setup }) => {
  const authorization = authorizationRequest(setup)
  return stepped(
    walk,
    2,
    { note: good('Nothing was sent yet: your browser carries it in the next step.') },
    {
      authorization,
      secrets: [{ name: 'code verifier', value: authorization.code_verifier }],
    },
  )
}

const STEPS: ReadonlyMap<number, Step> = new Map([
  [1, callWithoutToken],
  [2, prepareRequest],
  [5, exchangeCode],
  [6, callWithToken],
  [7, refresh],
  [8, revoke],
  [9, callAfterRevocation],
])

const unanswered = (walk: Walk, error: unknown): Walk => ({
  ...walk,
  hurried: false,
  taken: new Map(walk.taken).set(walk.next, {
    note: bad(`No answer: ${error instanceof Error ? error.message : 'unknown'}. Try again.`),
  }),
})
