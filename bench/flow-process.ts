import { connect, type Socket } from 'node:net'
import {
  CALLBACK,
  CHALLENGE,
  CLIENT,
  type FlowResult,
  type FlowTask,
  SECRET,
  VERIFIER,
} from './oauth-client.ts'

// Runs one flow of OAuth again and again on each of 32 kept connections, as fast as the server answers. The task comes as a
// message, the result goes as one.

const CONNECTIONS = 32

const run = async (task: FlowTask): Promise<FlowResult> => {
  const flow = FLOWS[task.flow]
  const wires = Array.from({ length: CONNECTIONS }, () => open(task.port))
  const state: State = { over: false, done: 0, failure: undefined }
  // Signs in, gets its first tokens, opens its connection: not counted.
  const steps = await Promise.all(wires.map((wire) => flow(wire, task)))
  const timer = setTimeout(() => {
    state.over = true
  }, task.seconds * 1000)
  await Promise.all(steps.map((step) => repeat(step, state)))
  clearTimeout(timer)
  for (const { socket } of wires) socket.destroy()
  return { done: state.done, failure: state.failure }
}

type State = { over: boolean; done: number; failure: string | undefined }
type Step = () => Promise<void>

const repeat = async (step: Step, state: State): Promise<void> => {
  try {
    while (!state.over) {
      await step()
      // What is answered after the end belongs to nobody's time.
      if (!state.over) state.done += 1
    }
  } catch (error) {
    state.over = true
    state.failure ??= String(error)
  }
}

const BASIC = `Basic ${Buffer.from(`${CLIENT}:${SECRET}`).toString('base64')}`

const postToken = async (wire: Wire, { paths }: FlowTask, form: string) => {
  const head = `POST ${paths.token} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${BASIC}\r\n`
  const type = 'Content-Type: application/x-www-form-urlencoded\r\nAccept: application/json\r\n'
  const answer = await wire.ask(`${head}${type}Content-Length: ${form.length}\r\n\r\n${form}`)
  const tokens = JSON.parse(answer.body) as { access_token?: string; refresh_token?: string }
  if (tokens.access_token === undefined) throw new Error(`no token: ${answer.head}${answer.body}`)
  return tokens
}

const getCode = async (wire: Wire, { paths, cookie }: FlowTask): Promise<string> => {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: CLIENT,
    redirect_uri: CALLBACK,
    scope: 'orders.read orders.write',
    state: 'a state of the client',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
  })
  const { head } = await wire.ask(
    `GET ${paths.authorize}?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\nAccept: text/html\r\n\r\n`,
  )
  const code = /^location: \S*[?&]code=([^&\s]+)/im.exec(head)?.[1]
  if (code === undefined) throw new Error(`no code: ${head}`)
  return code
}

const redeem = async (wire: Wire, task: FlowTask) => {
  const code = await getCode(wire, task)
  return postToken(
    wire,
    task,
    `grant_type=authorization_code&code=${code}&redirect_uri=${encodeURIComponent(CALLBACK)}&code_verifier=${VERIFIER}`,
  )
}

/** What one connection does each time; resolved when it is ready to begin. */
const FLOWS: Readonly<Record<FlowTask['flow'], (wire: Wire, task: FlowTask) => Promise<Step>>> = {
  async client_credentials(wire, task) {
    const step = async () => {
      await postToken(wire, task, 'grant_type=client_credentials&scope=orders.read')
    }
    await step()
    return step
  },
  async refresh_token(wire, task) {
    let { refresh_token } = await redeem(wire, task)
    return async () => {
      const form = `grant_type=refresh_token&refresh_token=${refresh_token}`
      refresh_token = (await postToken(wire, task, form)).refresh_token
      if (refresh_token === undefined) throw new Error('no refresh token')
    }
  },
  async authorization_code(wire, task) {
    await redeem(wire, task)
    return async () => void (await redeem(wire, task))
  },
}

type Answer = { readonly head: string; readonly body: string }
type Wire = { readonly socket: Socket; ask(request: string): Promise<Answer> }

/** Enough of HTTP for answers with a length, one at a time. */
const open = (port: number): Wire => {
  const socket = connect(port, '127.0.0.1').setNoDelay().setEncoding('latin1')
  let read = ''
  let waiting: PromiseWithResolvers<Answer> | undefined
  const fail = (why: string) => waiting?.reject(new Error(why))
  socket.on('data', (chunk: string) => {
    read += chunk
    const end = read.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = read.slice(0, end + 2)
    const length = /^content-length: (\d+)/im.exec(head)?.[1]
    if (length === undefined) return fail(`an answer without a length: ${head}`)
    const whole = end + 4 + Number(length)
    if (read.length < whole) return
    const answer = { head, body: read.slice(end + 4, whole) }
    read = read.slice(whole)
    waiting?.resolve(answer)
  })
  socket.on('error', (error) => fail(error.message))
  socket.on('close', () => fail('the connection was closed'))
  return {
    socket,
    ask(request) {
      waiting = Promise.withResolvers()
      socket.write(request)
      return waiting.promise
    },
  }
}

process.once('message', async (task: FlowTask) => {
  process.send?.(await run(task))
  process.disconnect()
})
