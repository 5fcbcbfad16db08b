import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config, Listen } from './config/config.ts'
import {
  type Binding,
  type Handlers,
  type Listener,
  mostAdminConnections,
  mostConnections,
  openListener,
} from './listener.ts'
import { Mistake } from './mistake.ts'

/** The public listener and that for administration, and what is left of those that they replaced. */
export type Listeners = {
  readonly main: Listen
  readonly admin: Listen
  /**
   * Binds the addresses of another configuration, where they differ, beside those that are open, and judges its
   * certificate. Throws a `Mistake`.
   */
  prepare(next: Config): Promise<Move>
  /** Closes the public ones. Resolves to the number of connections that had to be cut. */
  drain(options: { idle: number; limit: number }): Promise<number>
  /** Closes that for administration at once, so that a successor can have its address. */
  leaveAdmin(): Promise<void>
}

type Move = {
  /** The new addresses stand. The old ones close after `drainDelay`; connections go on. */
  commit(): void
  abort(): Promise<void>
}

/** How the public address is come by, and what to wait for before the other one is bound. */
export type Bindings = {
  readonly main: Binding
  /** The same of an address that a changed configuration names. */
  readonly later: Binding
  /** What the configuration says, where the address that is opened is another. */
  readonly configured?: Listen
  /** Resolves when the process whose place we take was told to go. */
  readonly turn?: (() => Promise<void>) | undefined
}

type AdminHandler = (req: IncomingMessage, res: ServerResponse) => void

/** Opens both, or neither. Throws a `Mistake` when an address cannot be bound. */
export const openListeners = async (
  config: Config,
  handlers: Handlers & { readonly admin: AdminHandler },
  bindings: Bindings,
): Promise<Listeners> => {
  const openMain = ({ listen, limits }: Config, binding: Binding) => {
    const most = mostConnections(limits.connections)
    return openListener(listen, { ...handlers, most }, binding)
  }
  const openAdmin = ({ admin: { listen, tls } }: Config) =>
    openListener(listen, {
      request: handlers.admin,
      patience: ADMIN_PATIENCE_MS,
      // Nobody has to be known for a connection: those in public must not run out of files for them.
      most: mostAdminConnections(),
      ...(handlers.lost && { lost: handlers.lost }),
      tls: tls ?? false,
    })

  const open = { main: () => openMain(config, bindings.main), admin: () => openAdmin(config) }
  const { turn } = bindings
  let { main, admin } = turn === undefined ? await openBoth(open) : await openInTurn(open, turn)
  let configured = { main: bindings.configured ?? config.listen, admin: config.admin.listen }
  const retired = new Set<Listener>()
  /** Whoever leads others to us needs a moment to follow. */
  const retire = (listener: Listener, { drainDelay }: Config): void => {
    retired.add(listener)
    const delay = new Promise((resolve) => setTimeout(resolve, drainDelay * 1000))
    void delay.then(listener.retire).finally(() => retired.delete(listener))
  }

  return {
    get main() {
      return main.address
    },
    get admin() {
      return admin.address
    },
    async prepare(next) {
      const wanted = { main: next.listen, admin: next.admin.listen }
      const moves = {
        // The service manager's socket stays what it is.
        main: bindings.main.fd === undefined && !isSame(wanted.main, configured.main),
        admin: !isSame(wanted.admin, configured.admin),
      }
      const secure = moves.admin ? undefined : admin.secure(next.admin.tls)
      const fresh = {
        main: moves.main ? await openMain(next, bindings.later) : undefined,
        admin: undefined as Listener | undefined,
      }
      const abort = async () => {
        await Promise.all([fresh.main, fresh.admin].map((one) => one?.drain(AT_ONCE)))
      }
      if (moves.admin)
        fresh.admin = await openAdmin(next).catch(async (error: unknown) => {
          await abort()
          throw error
        })
      return {
        commit() {
          if (fresh.main) retire(main, next)
          if (fresh.admin) retire(admin, next)
          secure?.()
          main = fresh.main ?? main
          admin = fresh.admin ?? admin
          configured = wanted
        },
        abort,
      }
    },
    async drain(options) {
      const cut = await Promise.all([main, ...retired].map((one) => one.drain(options)))
      return cut.reduce((sum, one) => sum + one, 0)
    },
    async leaveAdmin() {
      await admin.drain({ idle: 0, limit: 1 })
    },
  }
}

type Openers = { main(): Promise<Listener>; admin(): Promise<Listener> }
type Open = { readonly main: Listener; readonly admin: Listener }

/** Whoever sees us listen in public can ask whether we are ready. */
const openBoth = async (open: Openers): Promise<Open> => {
  const admin = await open.admin()
  const main = await open.main().catch(async (error: unknown) => {
    await admin.drain(AT_ONCE)
    throw error
  })
  return { main, admin }
}

/** While the other address is still that of the process whose place we take. */
const openInTurn = async (open: Openers, turn: () => Promise<void>): Promise<Open> => {
  const main = await open.main()
  try {
    await turn()
    return { main, admin: await persistently(open.admin) }
  } catch (error) {
    await main.drain({ idle: 1, limit: 5 })
    throw error
  }
}

/** The former process needs a moment to let go of the address. */
const persistently = async (open: () => Promise<Listener>): Promise<Listener> => {
  const limit = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await open()
    } catch (error) {
      if (!(error instanceof Mistake) || performance.now() > limit) throw error
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
}

const PATIENCE_MS = 10_000

/** Of a whole request to the admin listener. None is large; the readers of bodies have less patience. */
const ADMIN_PATIENCE_MS = 30_000
const AT_ONCE = { idle: 0, limit: 0 }

const isSame = (one: Listen, other: Listen): boolean =>
  one.host === other.host && one.port === other.port
