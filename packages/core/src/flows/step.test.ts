import { describe, expect, it } from 'vitest'
import { parseBaseUrl } from '../session/base-url.ts'
import type { Session } from '../session/sessions.ts'
import { FlowsFixture } from './flows.fixture.ts'
import { openStep, type Step, stepAddress, stepPath } from './step.ts'

const full: Step = {
  purpose: 'consent',
  provider: 'example',
  subject: 'the subject',
  scope: ['write', 'admin'],
  prompt: 'consent',
  params: { access_type: 'offline', __proto__: 'a name like any other' },
  returnTo: '/page?a=1&b=%2F',
}
const plain: Step = {
  purpose: 'link',
  provider: 'other',
  scope: [],
  prompt: undefined,
  params: undefined,
  returnTo: '/',
}
const mismatch = expect.objectContaining({ code: 'state_mismatch', reason: 'ticket' })

async function stepping() {
  const fixture = new FlowsFixture()
  const browser = fixture.browser()
  await browser.signIn()
  const session = (await browser.session()) as Session // it has just signed in
  const context = fixture as unknown as Parameters<typeof stepAddress>[0] // all that it reads of it is there
  const ticketOf = (step: Step, of = session): string =>
    new URLSearchParams(stepAddress(context, of, step, fixture.settings.baseUrls[0]).split('?')[1]).get(
      't',
    ) ?? ''
  const open = (ticket: string, { purpose, provider }: Step = full, by = session): Step =>
    openStep(context, by, { purpose, provider }, ticket)
  return { fixture, session, context, ticketOf, open }
}

describe('the address of a step', () => {
  it.each([
    ['everything', full],
    ['nothing', plain],
  ])('carries %s that the code asked for', async (_, step) => {
    const { ticketOf, open } = await stepping()
    expect(open(ticketOf(step), step)).toEqual(step)
  })

  it('is below the login of its provider, under the prefixes of routes and baseUrl', async () => {
    const { settings } = new FlowsFixture({ routes: { prefix: '/auth', login: '/enter' } })
    expect(stepPath({ settings }, full, parseBaseUrl('https://app.example/shop'))).toBe(
      '/shop/auth/enter/example/consent',
    )
  })

  it('says nothing in clear: neither what was asked for, nor of whom', async () => {
    const { ticketOf, session } = await stepping()
    const readable = Buffer.from(ticketOf(full), 'base64url').toString('latin1')
    const told = [session.locator, session.record.userId, 'write', 'page', 'subject', 'consent']
    expect(told.filter((text) => readable.includes(text))).toEqual([])
  })

  it('opens for no other purpose, provider, session or user', async () => {
    const { ticketOf, open, session } = await stepping()
    const ticket = ticketOf(full)
    const another = { ...session, locator: 'another session' }
    const over = { ...session, record: { ...session.record, userId: 'somebody who signed in over it' } }
    expect(() => open(ticket, { ...full, purpose: 'link' })).toThrow(mismatch)
    expect(() => open(ticket, { ...full, provider: 'other' })).toThrow(mismatch)
    expect(() => open(ticket, full, another)).toThrow(mismatch)
    expect(() => open(ticket, full, over)).toThrow(mismatch)
  })

  it('opens for the same session under a new secret', async () => {
    const { ticketOf, open, session } = await stepping()
    const renewed = { ...session, version: 'new', record: { ...session.record, secretDigest: 'new' } }
    expect(open(ticketOf(full), full, renewed)).toEqual(full)
  })

  it('lasts an hour, also where another machine’s clock is behind', async () => {
    const { ticketOf, open, fixture } = await stepping()
    const ticket = ticketOf(full)
    await fixture.clock.advance(3_600)
    expect(open(ticket)).toEqual(full)
    await fixture.clock.advance(1)
    expect(() => open(ticket)).toThrow(mismatch)
    fixture.clock.step(-3_700)
    expect(open(ticket)).toEqual(full)
    fixture.clock.step(-7_200)
    expect(() => open(ticket)).toThrow(mismatch)
  })

  it('case 45: opens neither flipped, cut nor made up, nor as another kind of sealed value', async () => {
    const { ticketOf, open, fixture } = await stepping()
    const ticket = Buffer.from(ticketOf(full), 'base64url')
    for (let at = 0; at < ticket.length; at += 1) {
      const flipped = Buffer.from(ticket)
      flipped[at] = (flipped[at] ?? 0) ^ 1
      expect(() => open(flipped.toString('base64url')), `byte ${at}`).toThrow(mismatch)
    }
    const plaintext = Buffer.from('{"schema":1}')
    const other = fixture.sealer.seal({ kind: 'form_post', name: 'consent example' }, plaintext)
    const empty = fixture.sealer.seal({ kind: 'ticket', name: 'consent example' }, plaintext)
    const made = [ticket.subarray(0, -1), other, empty, Buffer.from('x'), Buffer.alloc(0)]
    for (const bytes of made) expect(() => open(Buffer.from(bytes).toString('base64url'))).toThrow(mismatch)
    expect(() => open('%00\n../')).toThrow(mismatch)
  })
})
