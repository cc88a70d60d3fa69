import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startAuthorizationServer } from '@latchkey/testing'
import { describe, expect, it, onTestFinished } from 'vitest'
import { runExample } from './example-program.fixture.ts'

const baseUrl = 'http://127.0.0.1:3000'

/** An authorization server as a customer runs it, and the row that the app has of it. */
async function customer(id: string) {
  const client = { clientId: `${id}-client`, clientSecret: `secret-of-${id}-0123456789` }
  const redirectUris = [`${baseUrl}/callback/${id}`]
  const as = await startAuthorizationServer({ oidc: true, clients: [{ ...client, redirectUris }] })
  onTestFinished(() => as.close())
  return { as, row: { name: id.toUpperCase(), issuer: as.issuer, ...client } }
}

async function started() {
  const [acme, globex] = [await customer('acme'), await customer('globex')]
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-tenants-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'tenants.json')
  const write = (rows: object) => writeFileSync(file, JSON.stringify(rows))
  write({ acme: acme.row })
  const program = await runExample('tenants', { baseUrl, environment: { TENANTS: file } })
  return { ...program, write, acme, globex }
}

describe('the example tenants', () => {
  it('asks for the company and signs its people in at its own server', async () => {
    const { browser, acme } = await started()
    const ada = browser()
    const question = await ada.get(baseUrl)
    const consent = await ada.submit(question, { button: 'Go on', fields: { id: 'ACME' } })
    expect(new URL(consent.url).origin).toBe(acme.as.issuer)
    const page = await ada.submit(consent, { button: 'Ada' })
    expect([page.url, page.text]).toEqual([`${baseUrl}/t/acme`, expect.stringContaining('Ada of acme')])
  })

  it('leads whoever follows a link to a customer’s page to its server, and to no other', async () => {
    const { browser, write, acme, globex } = await started()
    const grace = browser()
    const page = await grace.signIn(`${baseUrl}/t/acme`, { as: 'Grace' })
    expect([page.url, page.text]).toEqual([`${baseUrl}/t/acme`, expect.stringContaining('Grace of acme')])
    write({ acme: acme.row, globex: globex.row }) // no restart
    const other = await grace.get(`${baseUrl}/t/globex`)
    expect(other.text).toContain('Add your GLOBEX account')
    expect(globex.as.mints.authorization_code).toBe(0)
  })

  it('knows nobody else', async () => {
    const { browser } = await started()
    for (const id of ['nobody', 'constructor', '../acme']) {
      expect((await browser().get(`${baseUrl}/company?id=${id}&returnTo=/`)).status).toBe(404)
      expect((await browser().get(`${baseUrl}/login/${id}`)).status).toBe(404)
      expect((await browser().get(`${baseUrl}/callback/${id}?code=x&state=y`)).status).toBe(404)
    }
  })
})
