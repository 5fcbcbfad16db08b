import { signOutPage } from '../pages/sign-out.ts'
import { signedOutPage } from '../pages/signed-out.ts'
import { answerPage, callerOf, type Handler } from './endpoint.ts'
import { bindForm, checkBinding, type FormBinding, refuseCrossSite } from './form-binding.ts'
import { endpointPath, type Room } from './room.ts'
import { currentPerson, endSession } from './session.ts'

/** GET: asks whether the session shall end. There is nowhere that a link could send the person afterwards. */
export const signOutForm =
  (room: Room): Handler =>
  async (ctx) => {
    const person = await currentPerson(ctx, room)
    if (!person) return answerPage(ctx, 'self', signedOutPage())
    const { account } = person
    const page = signOutPage({
      action: endpointPath(room.config, 'logout'),
      hidden: { csrf: bindForm(bindingOf(room.cookies.session.read(ctx.req)), room) },
      person: { name: account.name ?? account.username, username: account.username },
    })
    answerPage(ctx, 'self', page)
  }

/** POST: ends the session, here and in the store. What applications were given stays theirs. */
export const signOut =
  (room: Room): Handler =>
  async (ctx, parameters) => {
    refuseCrossSite(ctx.req, room)
    const person = await currentPerson(ctx, room)
    if (person) {
      checkBinding(parameters, bindingOf(room.cookies.session.read(ctx.req)), room)
      await endSession(ctx, room)
      room.log.audit('session.ended', { sub: person.account.sub, ...callerOf(ctx, room) })
    }
    answerPage(ctx, 'self', signedOutPage())
  }

const bindingOf = (session: string | undefined): FormBinding => ['logout', session ?? '']
