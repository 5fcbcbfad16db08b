import { type Answer, formOf, type Person } from './person.ts'

/** Opens the page of a device, signs in where needed and enters its code: the page that follows, for `person.decide`. */
export const enterCode = async (
  person: Person,
  uri: string,
  user_code: string,
): Promise<Answer> => {
  const opened = await person.settle(await person.browser.open(uri))
  const page = opened.body.includes('type="password"')
    ? await person.settle(await person.signIn(opened))
    : opened
  const { action, hidden } = formOf(page)
  return person.settle(await person.browser.post(action, { ...hidden, user_code }))
}

/** What a person does whose device asks for access. */
export const answerDevice = async (
  person: Person,
  device: { readonly verification_uri?: unknown; readonly user_code?: unknown },
  conduct?: Parameters<Person['decide']>[1],
): Promise<Answer> =>
  person.decide(
    await enterCode(person, String(device.verification_uri), String(device.user_code)),
    conduct,
  )

export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
