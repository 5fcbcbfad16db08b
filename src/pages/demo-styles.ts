/** What only the walkthrough has: the list of steps, the panes of an exchange. */
export const demoStyles = ``
