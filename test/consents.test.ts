import { describe, expect, it } from 'vitest'
import { createHandles } from '../src/store/handles.ts'
import { openRoom } from './support/rooms.ts'

describe('consent that is remembered', () => {
  const opened = async () => {
    const room = await openRoom()
    const consent = (client_id: string, sub: string, scope = ['orders.read']) => ({
      ...{ client_id, sub, scope, at: room.clock(), expires: room.clock() + 1000 },
    })
    const write = (...of: Parameters<typeof consent>) =>
      room.stores.store.batch([room.stores.consents.write(consent(...of))])
    return { ...room, consent, write }
  }

  it('is of one person, for one client, until it expires', async () => {
    const { stores, clock, consent, write } = await opened()
    await write('web', 'ada')
    expect(await stores.consents.find('web', 'ada')).toEqual(consent('web', 'ada'))
    expect(await stores.consents.find('web', 'bob')).toBeUndefined()
    expect(await stores.consents.find('native', 'ada')).toBeUndefined()
    clock.move(1000)
    expect(await stores.consents.find('web', 'ada')).toBeUndefined()
  })

  it('no two pairs of names share one, wherever the boundary lies', async () => {
    const { stores, write } = await opened()
    await write('a:b', 'c')
    expect(await stores.consents.find('a', 'b:c')).toBeUndefined()
    expect(await stores.consents.find('a:b', 'c')).toBeDefined()
  })

  it('outlives the end of a grant, and goes when it is taken back', async () => {
    const { stores, authorize, write } = await opened()
    await write('web', 'ada')
    const { grant } = await authorize()
    await stores.grants.end(grant.id, 'replay')
    expect(await stores.consents.find('web', 'ada')).toBeDefined()
    await stores.consents.remove('web', 'ada')
    expect(await stores.consents.find('web', 'ada')).toBeUndefined()
  })

  it('all of a person are listed, oldest first', async () => {
    const { stores, consent, write } = await opened()
    await write('web', 'ada')
    await write('web', 'bob')
    await write('native', 'ada')
    await write('web', 'ada', ['orders.write'])
    const { consents } = await stores.consents.ofAccount('ada')
    expect(consents).toEqual([consent('web', 'ada', ['orders.write']), consent('native', 'ada')])
  })
})

describe('P8 handles of what cached tokens hang on', () => {
  it('are shared while they are used, and forgotten with the last user', () => {
    const handles = createHandles()
    const [one, two] = [handles.hold('grant'), handles.hold('grant')]
    expect(two).toBe(one)
    handles.release(one)
    expect(handles.hold('grant')).toBe(one)
    handles.release(one)
    handles.release(one)
    expect(handles.hold('grant')).not.toBe(one)
  })

  it('an end is for those who hold it now', () => {
    const handles = createHandles()
    const before = handles.hold('grant')
    handles.end('grant')
    const after = handles.hold('grant')
    expect([before.live, after.live]).toEqual([false, true])
    handles.release(before)
    expect(handles.hold('grant')).toBe(after)
    handles.end('unknown')
  })
})
