//! JSON that keeps the order of keys and lets a reader see duplicates, which a map
//! would silently drop.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A JSON value, as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
    Number(f64),
    Text(String),
    Bool,
    Null,
}

impl Node {
    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Node::Map(_) => "a mapping",
            Node::List(_) => "a list",
            Node::Number(_) => "a number",
            Node::Text(_) => "a text",
            Node::Bool => "true or false",
            Node::Null => "null",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Bool)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_doubles() {
        let node: Node =
            serde_json::from_str(r#"{"b": [1, -2, 0.5], "a": "x", "b": null}"#).unwrap();
        let numbers = [1.0, -2.0, 0.5].map(Node::Number).to_vec();
        let expected = vec![
            ("b".to_owned(), Node::List(numbers)),
            ("a".to_owned(), Node::Text("x".into())),
            ("b".to_owned(), Node::Null),
        ];
        assert_eq!(node, Node::Map(expected));
        assert!(serde_json::from_str::<Node>("{\"a\": [1,}").is_err());
        assert_eq!(
            serde_json::from_str::<Node>("true").unwrap().kind(),
            "true or false"
        );
    }
}
