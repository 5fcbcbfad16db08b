/**
 * The script of the walkthrough: sends a step's form without leaving the page, and copies commands. Everything works
 * without it. Kept as text, since the compiler copies no other files; the page allows it by its hash.
 */
export const walkScript = `
const byId = (id) => document.getElementById(id)

const offerCopies = () => {
  for (const button of document.querySelectorAll('button.copy')) button.hidden = false
}

const show = async (answer, step) => {
  const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
  byId('walk').replaceWith(document.adoptNode(fresh.getElementById('walk')))
  offerCopies()
  const heading = byId('title-' + step) ?? document.querySelector('h1')
  heading.focus({ preventScroll: true })
  heading.scrollIntoView({ block: 'start' })
  byId('said').textContent = byId('progress').textContent
}

document.addEventListener('submit', async (event) => {
  const form = event.target
  if (form.dataset.step === undefined) return
  event.preventDefault()
  if (form.getAttribute('aria-busy') === 'true') return
  form.setAttribute('aria-busy', 'true')
  try {
    const answer = await fetch(form.action, { method: 'POST' })
    if (!answer.ok) throw new Error(answer.status)
    await show(answer, form.dataset.step)
  } catch {
    form.submit()
  }
})

document.addEventListener('click', async (event) => {
  const button = event.target.closest('button.copy')
  if (button === null) return
  await navigator.clipboard.writeText(byId(button.dataset.of).textContent)
  const words = button.textContent
  button.textContent = 'Copied'
  byId('said').textContent = 'Copied'
  setTimeout(() => { button.textContent = words }, 2000)
})

offerCopies()
`
