//! Reads a paged listing to its end.
//!
//! Knows nothing of what is listed. API Gateway's own paginators exist for one family only; one loop for both keeps what
//! came before a failure.

use std::collections::HashSet;

use super::classify::{Ask, Failure};

/// More pages than any account can have: 1,320 REST APIs are the ceiling of a region (AWS API Gateway quotas page), and a
/// server that ignores the page size gives 25 at a time.
const MOST_PAGES: usize = 1_000;

/// One answer.
#[derive(Debug)]
pub(super) struct Page<T> {
    /// The list; absent where the answer had no such member.
    pub(super) items: Option<Vec<T>>,
    /// Where to go on.
    pub(super) next: Option<String>,
}

/// All answers.
#[derive(Debug)]
pub(super) struct Pages<T> {
    /// In the order of the answers.
    pub(super) items: Vec<T>,
    /// Whether an answer had no list member.
    pub(super) without_list: bool,
    /// Why it ended early, if it did.
    pub(super) failure: Option<Failure>,
}

/// Fetches page after page; after a failure what came before it is kept.
pub(super) async fn all<T, F, Answer>(ask: &Ask, mut fetch: F) -> Pages<T>
where
    F: FnMut(Option<String>) -> Answer,
    Answer: Future<Output = Result<Page<T>, Failure>>,
{
    let mut pages = Pages { items: Vec::new(), without_list: false, failure: None };
    let mut seen = HashSet::new();
    let mut token = None;
    loop {
        let page = match fetch(token).await {
            Ok(page) => page,
            Err(failure) => {
                pages.failure = Some(failure);
                return pages;
            }
        };
        match page.items {
            Some(items) => pages.items.extend(items),
            None => pages.without_list = true,
        }
        // An empty token is how some servers say that there is no more.
        let Some(next) = page.next.filter(|next| !next.is_empty()) else { return pages };
        if !seen.insert(next.clone()) {
            pages.failure = Some(Failure::other(ask, "the same page token came twice, so the listing would never end"));
            return pages;
        }
        if seen.len() >= MOST_PAGES {
            pages.failure = Some(Failure::other(ask, &format!("the listing has more than {MOST_PAGES} pages")));
            return pages;
        }
        token = Some(next);
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    async fn read(answers: Vec<Result<Page<u32>, Failure>>) -> (Pages<u32>, Vec<Option<String>>) {
        let mut asked = Vec::new();
        let mut answers = answers.into_iter();
        let pages = all(&Ask::rest("GetRestApis", "/restapis"), |token| {
            asked.push(token);
            ready(answers.next().expect("no more pages than there are"))
        })
        .await;
        (pages, asked)
    }

    fn page(items: &[u32], next: Option<&str>) -> Page<u32> {
        Page { items: Some(items.to_vec()), next: next.map(str::to_owned) }
    }

    #[tokio::test]
    async fn pages_are_read_until_no_token_comes() {
        let (pages, asked) =
            read(vec![Ok(page(&[1], Some("a"))), Ok(page(&[], Some("b"))), Ok(page(&[2], None))]).await;
        assert_eq!(pages.items, [1, 2]);
        assert!(pages.failure.is_none() && !pages.without_list);
        assert_eq!(asked, [None, Some("a".to_owned()), Some("b".to_owned())]);
    }

    #[tokio::test]
    async fn an_empty_token_is_the_end() {
        let (pages, _) = read(vec![Ok(page(&[1], Some("")))]).await;
        assert!(pages.failure.is_none());
    }

    #[tokio::test]
    async fn a_token_that_comes_twice_is_a_failure_that_keeps_what_was_read() {
        let (pages, _) = read(vec![Ok(page(&[1], Some("a"))), Ok(page(&[2], Some("a")))]).await;
        assert_eq!(pages.items, [1, 2]);
        assert!(pages.failure.unwrap().cause.contains("same page token"));
    }

    #[tokio::test]
    async fn a_listing_without_end_is_a_failure() {
        let mut count = 0;
        let pages: Pages<u32> = all(&Ask::rest("GetRestApis", "/restapis"), |_| {
            count += 1;
            ready(Ok(page(&[], Some(&count.to_string()))))
        })
        .await;
        assert!(pages.failure.unwrap().cause.contains("more than 1000 pages"));
    }

    #[tokio::test]
    async fn a_failure_keeps_the_pages_before_it() {
        let broken = Failure::other(&Ask::rest("GetRestApis", "/restapis"), "broken");
        let (pages, _) = read(vec![Ok(page(&[1, 2], Some("a"))), Err(broken.clone())]).await;
        assert_eq!((pages.items, pages.failure), (vec![1, 2], Some(broken)));
    }

    #[tokio::test]
    async fn an_answer_without_its_list_member_is_noticed() {
        let (pages, _) = read(vec![Ok(Page { items: None, next: None })]).await;
        assert!(pages.without_list && pages.failure.is_none());
    }
}
