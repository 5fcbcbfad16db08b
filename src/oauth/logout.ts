import { signOutPage } from '../pages/sign-out.ts'
import { signedOutPage } from '../pages/signed-out.ts'
import { answerPage, callerOf, type Handler } from './endpoint.ts'
import { bindForm, checkBinding, type FormBinding, refuseCrossSite } from './form-binding.ts'
import { endpointPath, type Room } from './room.ts'
import { currentPerson, endSession, type Person } from './session.ts'

/** GET: asks whether the session shall end. There is nowhere that a link could send the person afterwards. */
export const signOutForm =
  (room: Room): Handler =>
  async (ctx) => {
    const person = await currentPerson(ctx, room)
    if (!person) return answerPage(ctx, 'self', signedOutPage())
    const { account } = person
    const page = signOutPage({
      action: endpointPath(room.config, 'logout'),
      hidden: { csrf: bindForm(bindingOf(person), room) },
      person: { name: account.name ?? account.username, username: account.username },
      apps: endpointPath(room.config, 'apps'),
    })
    answerPage(ctx, 'self', page)
  }

/**
 * POST: ends the session, here and in the store; with `where` = `everywhere` all those of the person. What applications were
 * given stays theirs.
 */
export const signOut =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    refuseCrossSite(ctx.req, room)
    const person = await currentPerson(ctx, room)
    const everywhere = parameters.get('where') === 'everywhere'
    if (person) {
      checkBinding(parameters, bindingOf(person), room)
      await endSession(ctx, room)
      const { sub } = person.account
      const others = everywhere ? await room.stores.sessions.endAllOfAccount(sub) : 0
      room.log.audit('session.ended', {
        sub,
        ...(everywhere && { others }),
        ...callerOf(ctx, room),
      })
    }
    answerPage(ctx, 'self', signedOutPage({ everywhere: everywhere && person !== undefined }))
  }

const bindingOf = ({ session }: Person): FormBinding => ['logout', session]
