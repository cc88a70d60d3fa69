import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { appsOfTest, herdOfTest, proxyOfTest } from './apps.fixture.ts'
import { startApps } from './apps.ts'
import { refreshFigures } from './herd.ts'

const memory = { count: 1, store: { kind: 'memory' } } as const
const rotating = { policy: { rotate: true, reuseKillsFamily: true } }

describe('an app process of a test', () => {
  it('serves a signed-in user, and a herd past several expiries', async () => {
    const apps = await appsOfTest({ ...memory, server: rotating })
    const herd = herdOfTest(apps)
    const cookie = await apps.signIn('user-ada')
    for (let expiry = 0; expiry < 3; expiry += 1) {
      await apps.expire()
      const { statuses, durationsMs } = await herd.run({ cookies: [cookie], requests: 50 })
      expect([statuses, durationsMs.length]).toEqual([{ 200: 50 }, 50])
      expect(await apps.vaultIsLive(0, cookie, 'user-ada')).toBe(true)
    }
    const { calls: _calls, ...figures } = refreshFigures(apps.servers.as)
    expect(figures).toEqual({ generations: 3, average: '1.000', most: 1, familiesKilled: 0, unanswered: 0 })
    expect((await apps.at(0).ask({ ask: 'usage' })).residentBytes).toBeGreaterThan(10_000_000)
  })

  it('leaves no process behind when it cannot start', async () => {
    const processes = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'ProcessWrap').length
    const before = processes()
    await expect(startApps({ ...memory, secrets: () => ['short'] })).rejects.toThrow(/shorter than/)
    // Of a test before this one some may end meanwhile.
    await expect.poll(processes).toBeLessThanOrEqual(before)
  })

  it('lets a browser sign in the whole way', async () => {
    const apps = await appsOfTest({ ...memory, server: { autoApprove: 'user-ada' } })
    const browser = apps.browser(0)
    expect((await browser.get('https://app.example/login/example')).status).toBeLessThan(400)
    expect((await browser.get('https://app.example/whoami')).text).toContain('user-ada')
  })

  it('stops at a point before or after a command of the store, as often as it is told to', async () => {
    const apps = await appsOfTest(memory)
    const cookie = await apps.signIn('user-ada')
    for (const point of ['grants.commit before', 'grants.commit after'] as const) {
      await apps.expire()
      const hold = await apps.at(0).hold(point, 1)
      const answer = apps.get(0, '/me', cookie)
      await hold.arrivals()
      await hold.release()
      expect((await answer).status).toBe(200)
    }
  })

  it('answers 401 to a script that is not signed in, and logs what its handlers throw', async () => {
    const apps = await appsOfTest(memory)
    expect((await apps.get(0, '/me', '')).status).toBe(401)
    const cookie = await apps.signIn('user-ada')
    expect((await apps.get(0, '/throws', cookie)).status).toBe(500)
    expect(apps.at(0).events('app.error').at(-1)?.message).toContain('The handler broke.')
  })

  it('answers nothing while it is paused, and hears of the time that has passed', async () => {
    const apps = await appsOfTest(memory)
    const cookie = await apps.signIn('user-ada')
    apps.at(0).pause()
    const answer = apps.get(0, '/me', cookie)
    await apps.expire()
    expect(await Promise.race([answer, sleep(100, 'nothing')])).toBe('nothing')
    apps.at(0).resume()
    expect((await answer).status).toBe(200)
    expect(apps.servers.as.mints.refresh_token).toBe(1)
  })

  it('is killed by kill -9, and another one takes its place with the same clock', async () => {
    const apps = await appsOfTest(memory)
    await apps.expire()
    const [{ pid }] = [apps.at(0)]
    await apps.at(0).kill9()
    await expect(apps.get(0, '/healthz', '')).rejects.toThrow()
    await apps.replace(0)
    expect(apps.at(0).pid).not.toBe(pid)
    const cookie = await apps.signIn('user-ada')
    expect((await apps.get(0, '/me', cookie)).status).toBe(200)
    expect(apps.servers.as.mints.refresh_token).toBe(0)
  })

  it('can have its authorization server behind a fault proxy', async () => {
    const proxy = await proxyOfTest(1)
    const apps = await appsOfTest({
      ...memory,
      provider: ({ as }) => ({
        tokenEndpoint: as.endpoints.token.replace(as.origin, `http://${proxy.address}`),
      }),
    })
    proxy.retarget(Number(new URL(apps.servers.as.origin).port))
    const cookie = await apps.signIn('user-ada')
    await apps.expire()
    expect((await apps.get(0, '/me', cookie)).status).toBe(200)
    expect(proxy.acceptedAt).toHaveLength(1)
  })

  it('shows a secret that it prints', async () => {
    const apps = await startApps(memory)
    try {
      apps.servers.as.marks.add('text', '"app.error"')
      expect(apps.leaks()).toEqual([])
      await apps.get(0, '/throws', await apps.signIn('user-ada'))
      expect(apps.leaks().map(({ kind }) => kind)).toEqual(['text'])
    } finally {
      expect(await apps.close()).toEqual([0])
    }
  })
})
