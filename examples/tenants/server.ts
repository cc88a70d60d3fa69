// One authorization server per customer, looked up when somebody asks for it. TENANTS is a JSON file that stands for a
// table: { "acme": { "name": "Acme", "issuer": "https://login.acme.example", "clientId": "…", "clientSecret": "…" } }
import { readFile } from 'node:fs/promises'
import { latchkey, oidc } from '@latchkey/express'
import express from 'express'
import { html } from '../html.ts'

interface Tenant {
  readonly name: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
}

async function findTenant(id: string): Promise<Tenant | undefined> {
  const tenants: Record<string, Tenant> = JSON.parse(await readFile(process.env.TENANTS ?? '', 'utf8'))
  return Object.hasOwn(tenants, id) ? tenants[id] : undefined
}

const auth = latchkey({
  providers: [],
  resolveProvider: async (id: string) => {
    const tenant = await findTenant(id)
    return tenant && oidc({ id, ...tenant })
  },
})
const app = express()
app.use(auth)

// No provider is listed, so the sign-in page is the app's own: it asks for the company.
app.get('/login', (req, res) => {
  res.send(html`<form action="/company"><input type="hidden" name="returnTo" value="${String(req.query.returnTo ?? '/')}">
    Your company: <input name="id"><button>Go on</button></form>`)
})
app.get('/company', async (req, res) => {
  const id = String(req.query.id).toLowerCase()
  if ((await findTenant(id)) === undefined) res.status(404).send('We do not know this company.')
  else res.redirect(303, `/login/${id}?returnTo=${encodeURIComponent(String(req.query.returnTo))}`)
})

app.get('/', auth.requireLogin(), (req, res) => {
  const { provider } = req.oauth.requireUser()
  res.redirect(303, `/t/${provider}`)
})

// Only people of this customer. Their pages can be linked to: whoever follows the link signs in at the right place.
app.get(
  '/t/:tenant',
  (req, res, next) => auth.requireLogin({ provider: req.params.tenant })(req, res, next),
  (req, res) => {
    res.send(html`<h1>${req.oauth.user?.name ?? 'Somebody'} of ${req.params.tenant}</h1>
      <form method="post" action="/logout"><button>Sign out</button></form>`)
  },
)

app.use(auth.errorHandler)
app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
