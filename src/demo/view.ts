import type { DemoStep, DemoView } from '../pages/demo.ts'
import { PARAMETER_MEANINGS } from './authorization-request.ts'
import { curlAddress, curlCommand } from './curl.ts'
import type { Exchange } from './exchange.ts'
import type { Setup } from './setup.ts'
import { LAST_STEP, type Walk } from './walk.ts'
import { STEP_WORDS, type StepWords } from './words.ts'

/** What the page shows of a walk. */
export const viewOf = (walk: Walk, setup: Setup): Omit<DemoView, 'script'> => ({
  steps: STEP_WORDS.map((words, index) => stepView(walk, setup, index + 1, words)),
  done: walk.next - 1,
  secrets: walk.secrets,
  restart: '/demo/restart',
  apps: `${setup.oauth}/apps`,
  ...(walk.next <= LAST_STEP &&
    !walk.stuck && { rest: { action: '/demo/rest', stays: walk.next > 3 } }),
})

const stepView = (walk: Walk, setup: Setup, number: number, words: StepWords): DemoStep => {
  const taken = walk.taken.get(number)
  const state = stateOf(walk, number)
  return {
    number,
    title: words.title,
    why: words.why(setup),
    state,
    ...(state === 'now' && words.button && { button: buttonOf(number, words.button) }),
    ...(state === 'failed' && { button: ASK_AGAIN }),
    ...(taken?.exchange && {
      exchange: taken.exchange,
      learned: number === 6 ? learned(taken.exchange) : [],
    }),
    ...curlOf(walk, number),
    ...(taken && { note: taken.note }),
    ...(number === 2 && walk.authorization && { authorization: authorizationView(walk) }),
    ...(number === 3 && state === 'now' && setup.account && { account: setup.account }),
  }
}

/** For what the browser sends, its address is enough; the post of step 3 leads to the address of step 2. */
const curlOf = (walk: Walk, number: number): { curl?: string } => {
  const exchange = walk.taken.get(number)?.exchange
  if (number === 2 && walk.authorization) return { curl: curlAddress(walk.authorization.url) }
  if (number === 4 && exchange) return { curl: curlAddress(exchange.url) }
  return number === 3 || exchange === undefined ? {} : { curl: curlCommand(exchange) }
}

const ASK_AGAIN = { action: '/demo/again', label: 'Ask again, from step 2', stays: true }

const stateOf = (walk: Walk, number: number): DemoStep['state'] => {
  if (number < walk.next) return 'done'
  if (number > walk.next) return 'later'
  return walk.stuck ? 'failed' : 'now'
}

const buttonOf = (number: number, label: string) => ({
  action: `/demo/step/${number}`,
  label,
  stays: number !== 3,
})

const authorizationView = ({ authorization }: Walk): NonNullable<DemoStep['authorization']> => ({
  url: authorization?.url ?? '',
  parameters: [...(authorization?.parameters ?? [])].map(([name, value]) => ({
    name,
    value,
    meaning: PARAMETER_MEANINGS.get(name) ?? '',
  })),
})

/** What the orders API says of its caller, by the names of the fields that told it. */
const learned = ({ response }: Exchange): readonly (readonly [string, string])[] => {
  try {
    const { requested_by }: { requested_by?: Record<string, unknown> } = JSON.parse(response.body)
    return Object.entries(requested_by ?? {}).flatMap(([name, value]) =>
      typeof value === 'string' ? [[TOLD_BY.get(name) ?? name, value] as const] : [],
    )
  } catch {
    return []
  }
}

const TOLD_BY: ReadonlyMap<string, string> = new Map([
  ['subject', 'X-Auth-Subject'],
  ['client_id', 'X-Auth-Client-Id'],
  ['scope', 'X-Auth-Scope'],
  ['request_id', 'X-Request-Id'],
])
